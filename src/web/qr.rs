//! QR codes.

use qrcode::{Color, QrCode};

use super::views::Qr;
use crate::problem::Problem;

/// A code that says this.
///
/// # Errors
/// `unavailable` when it doesn't fit into any.
pub fn draw(text: &str) -> Result<Qr, Problem> {
    let code = QrCode::new(text).map_err(|error| {
        tracing::error!(%error, "no QR code could be made");
        Problem::unavailable()
    })?;
    let (colors, width) = (code.to_colors(), code.width());
    Ok(Qr::new(width, |x, y| colors.get(y * width + x) == Some(&Color::Dark)))
}
