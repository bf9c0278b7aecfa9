//! What the pages about the API show.

use askama::Template;

use crate::web::views::NavItem;

/// A text of which parts are code.
pub struct Words(pub Vec<Piece>);

/// A part of it.
pub struct Piece {
    /// What it says.
    pub text: String,
    /// Whether it is code.
    pub is_code: bool,
}

impl Words {
    /// A text as documents write it: code stands between backticks.
    pub fn of(text: &str) -> Self {
        let parts = text.split('`').enumerate();
        let pieces = parts.map(|(n, text)| Piece { text: text.into(), is_code: n % 2 == 1 });
        Self(pieces.filter(|piece| !piece.text.is_empty()).collect())
    }
}

/// A field of a body, of an answer or of an address.
pub struct Field {
    /// Its name.
    pub name: String,
    /// What can stand in it.
    pub kind: Kind,
    /// What it is.
    pub about: Words,
    /// Whether it may be left out of a request.
    pub may_be_left_out: bool,
}

/// What can stand in a field: "list of" and the name of a thing that is described elsewhere, for one.
#[derive(Clone, Default)]
pub struct Kind {
    /// What stands before the name, or all there is to say.
    pub words: String,
    /// The thing's name, where it is described below.
    pub thing: Option<String>,
    /// What stands behind it.
    pub rest: String,
}

/// What is sent, or answered.
pub struct Body {
    /// What it is, when that is said elsewhere: a thing of this name.
    pub thing: Option<String>,
    /// Its fields otherwise.
    pub fields: Vec<Field>,
}

/// A problem that a route can answer with.
pub struct Refusal {
    /// Its status.
    pub status: String,
    /// Its code.
    pub code: String,
}

/// A route.
pub struct Operation {
    /// Where on the page it is.
    pub id: String,
    /// GET, POST and so on.
    pub method: String,
    /// Its address.
    pub path: String,
    /// What it does, in one sentence.
    pub summary: Words,
    /// More about it; may be empty.
    pub description: Words,
    /// Who may.
    pub who: &'static str,
    /// What stands in the address.
    pub parameters: Vec<Field>,
    /// What is sent.
    pub body: Option<Body>,
    /// Whether that may be left out.
    pub body_may_be_left_out: bool,
    /// The status when all goes well.
    pub status: String,
    /// What that means.
    pub outcome: Words,
    /// What is answered then.
    pub answer: Option<Body>,
    /// With what it can refuse.
    pub refusals: Vec<Refusal>,
    /// How to try it.
    pub curl: String,
}

/// Routes that belong together.
pub struct Group {
    /// Where on the page they are.
    pub id: String,
    /// What they are headed.
    pub name: String,
    /// What they are about.
    pub about: String,
    /// The routes.
    pub operations: Vec<Operation>,
}

/// Something that several answers hold.
pub struct Thing {
    /// Its name.
    pub name: String,
    /// What it is.
    pub about: Words,
    /// What it is when it has no fields: "text", for one.
    pub kind: Kind,
    /// Its fields.
    pub fields: Vec<Field>,
}

/// `/api`.
#[derive(Template)]
#[template(path = "openapi/api.html")]
pub struct ApiPage {
    /// The left column.
    pub nav: Vec<NavItem>,
    /// The routes.
    pub groups: Vec<Group>,
    /// What several answers hold.
    pub things: Vec<Thing>,
    /// How to sign in.
    pub sign_in: String,
    /// How to use what that gave.
    pub then: String,
}

/// A code of the closed list.
pub struct Problem {
    /// The code.
    pub code: &'static str,
    /// Its status.
    pub status: u16,
    /// What happened.
    pub meaning: Words,
    /// What to do.
    pub advice: Words,
}

/// `/api/problems`.
#[derive(Template)]
#[template(path = "openapi/problems.html")]
pub struct ProblemsPage {
    /// The left column.
    pub nav: Vec<NavItem>,
    /// Every code.
    pub problems: Vec<Problem>,
}
