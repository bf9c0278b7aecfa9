//! The key that signs what webhooks are told, and its public half.

use std::sync::Arc;

use axum::{Json, extract::State};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{Rng, SigningKeyId, Timestamp};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use seal::Place;
use serde_json::{Value, json};
use store::{Conn, DbError, sign_outs as rows};

use crate::{app::App, problem::Problem};

/// A key of ECDSA with P-256 and SHA-256 (`ES256`).
pub struct SigningKey {
    id: SigningKeyId,
    pair: EcdsaKeyPair,
    chance: SystemRandom,
}

/// A new key, as it is stored.
pub struct NewKey {
    id: SigningKeyId,
    private_sealed: Vec<u8>,
    made_at: Timestamp,
}

impl NewKey {
    /// Makes one. The library takes its chance from the system itself.
    ///
    /// # Errors
    /// When the system has none.
    pub fn make(app: &App, now: Timestamp, rng: &mut Rng) -> Result<Self, Problem> {
        let id = SigningKeyId::new(now, rng);
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        let made = zeroize::Zeroizing::new(made.map_err(|_| Problem::unavailable())?.as_ref().to_vec());
        Ok(Self { id, private_sealed: app.keyring.seal(place(&id.to_bytes()), &made, rng), made_at: now })
    }

    /// Stores it, unless there is one.
    ///
    /// # Errors
    /// As the database has them.
    pub fn keep(&self, conn: &mut Conn) -> Result<(), DbError> {
        match rows::signing_key(conn)? {
            Some(_) => Ok(()),
            None => rows::insert_signing_key(conn, self.id, &self.private_sealed, self.made_at),
        }
    }
}

fn place(row: &[u8]) -> Place<'_> {
    Place { table: "signing_keys", row, column: "private_sealed" }
}

impl SigningKey {
    /// The key, if one was made.
    ///
    /// # Errors
    /// As the database has them, and when it can't be opened.
    pub fn load(app: &App) -> Result<Option<Self>, Problem> {
        // The key that sealed it is not dropped meanwhile.
        let _open = app.in_flight.begin();
        let Some((id, sealed)) = app.store.read(rows::signing_key)? else { return Ok(None) };
        let private =
            app.keyring.unseal(place(&id.to_bytes()), &sealed).map_err(|_| Problem::unavailable())?;
        let chance = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, private.expose(), &chance);
        Ok(Some(Self { id, pair: pair.map_err(|_| Problem::unavailable())?, chance }))
    }

    /// A signed token (RFC 7515, compact) of this type.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn sign(&self, kind: &str, claims: &Value) -> Result<String, Problem> {
        let header = json!({ "alg": "ES256", "kid": self.id.to_string(), "typ": kind });
        let part = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature =
            self.pair.sign(&self.chance, signed.as_bytes()).map_err(|_| Problem::unavailable())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The public half (RFC 7517).
    fn public(&self) -> Option<Value> {
        // A byte that says that both halves follow.
        let (x, y) = self.pair.public_key().as_ref().get(1..)?.split_at_checked(32)?;
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let kid = self.id.to_string();
        Some(json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": kid, "x": x, "y": y }))
    }
}

/// `GET /.well-known/jwks.json`: what webhooks check signatures with.
pub async fn keys(State(app): State<Arc<App>>) -> Result<Json<Value>, Problem> {
    let keys: Vec<_> = SigningKey::load(&app)?.iter().filter_map(SigningKey::public).collect();
    Ok(Json(json!({ "keys": keys })))
}

/// Where the public half is.
pub const KEYS: &str = "/.well-known/jwks.json";

/// `GET /.well-known/ssf-configuration`: what this transmitter of security events can do. Streams are set up by administrators here, so no
/// endpoint for them is named.
pub async fn configuration(State(app): State<Arc<App>>) -> Json<Value> {
    let issuer = app.config.http.public_url.as_str();
    Json(json!({
        "spec_version": "1_0",
        "issuer": issuer,
        "jwks_uri": format!("{issuer}{KEYS}"),
        "delivery_methods_supported": ["urn:ietf:rfc:8935"],
        "default_subjects": "ALL",
    }))
}
