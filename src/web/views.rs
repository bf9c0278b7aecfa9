//! What every page shares: the frame, the notice, times, fields, choices; and the problem page.
//!
//! A view is data that is ready to be shown. It decides nothing and looks nothing up.

use askama::Template;

/// A moment, three ways: for machines, for a pointer that rests on it, and as people say it.
pub struct When {
    /// For the `datetime` attribute, such as `2026-05-03T09:14:07Z`.
    pub iso: String,
    /// Shown on hover, such as `3 May 2026, 09:14:07 UTC`.
    pub exact: String,
    /// As people say it, such as `2 minutes ago` or `3 May 2026`.
    pub human: String,
}

/// How an action went, which picks the colour and the icon of its notice.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum NoticeKind {
    /// It is done.
    Success,
    /// Nothing changed, and here is why.
    Info,
    /// It is done, or not, and something is left for the person to do.
    Warning,
}

impl NoticeKind {
    /// The name under which `app.css` knows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Info => "info",
            Self::Warning => "warning",
        }
    }
}

/// What the page says first after an action: what happened, then what to do.
pub struct Notice {
    /// How it went.
    pub kind: NoticeKind,
    /// One or two plain sentences.
    pub text: String,
    /// Ways to go on from there.
    pub links: Vec<Link>,
}

/// One entry of the left column.
pub struct NavItem {
    /// As the page it leads to is headed.
    pub label: String,
    /// Where it leads.
    pub href: String,
    /// Whether the page that is shown is this one, or lies below it.
    pub current: bool,
}

/// What surrounds a page of someone who is signed in.
pub struct Frame {
    /// The person's name.
    pub account_name: String,
    /// The person's ID.
    pub account_id: String,
    /// Whether this instance is a sandbox, which the header then says.
    pub sandbox: bool,
    /// The left column.
    pub nav: Vec<NavItem>,
    /// Its second group; empty for those who aren't administrators.
    pub admin_nav: Vec<NavItem>,
    /// What the last action did.
    pub notice: Option<Notice>,
    /// Goes into every form of the page, to show that the form is ours.
    pub form_token: String,
    /// Where the button "Sign out" posts to.
    pub sign_out_action: String,
}

/// What surrounds a narrow page that stands alone: signing in, one-time links, problems.
pub struct Outside {
    /// Whether this instance is a sandbox.
    pub sandbox: bool,
    /// What the last action did, such as "You are signed out."
    pub notice: Option<Notice>,
    /// Goes into every form of the page.
    pub form_token: String,
}

/// A text field: what stands in it, and what is wrong with it.
#[derive(Default)]
pub struct Field {
    /// What the person entered last; empty at first. Never a password.
    pub value: String,
    /// Says what to enter instead; nothing when the field is fine.
    pub error: Option<String>,
}

/// One of several things to tick or to pick.
pub struct Choice {
    /// What the form sends.
    pub value: String,
    /// What the person reads.
    pub label: String,
    /// A few more words, or none.
    pub hint: String,
    /// Whether it is ticked, or picked.
    pub chosen: bool,
}

impl Choice {
    /// The five kinds in their fixed order, those in `chosen` ticked.
    pub fn kinds(chosen: &[&str]) -> Vec<Self> {
        let of = |value: &str, label: &str, hint: &str| Self {
            value: value.to_owned(),
            label: label.to_owned(),
            hint: hint.to_owned(),
            chosen: chosen.contains(&value),
        };
        vec![
            of("mail", "Mail", "reading and sending"),
            of("contacts", "Contacts", "address books"),
            of("calendars", "Calendars", "events and tasks"),
            of("builds", "Builds", "uploads from a build machine"),
            of("other", "Other", "files, chat, anything else"),
        ]
    }
}

/// A QR code as one SVG path, so that no ready-made markup has to be trusted.
pub struct Qr {
    /// How many modules wide and high, without the quiet zone.
    pub width: usize,
    /// The dark modules, in units of one module.
    pub path: String,
}

impl Qr {
    /// Draws each row of dark modules as as few strokes as it takes.
    pub fn new(width: usize, dark: impl Fn(usize, usize) -> bool) -> Self {
        let mut path = String::new();
        for y in 0..width {
            let mut x = 0;
            while x < width {
                let run = (x..width).take_while(|&x| dark(x, y)).count();
                if run > 0 {
                    path.push_str(&format!("M{x} {y}h{run}v1h-{run}z"));
                }
                x += run.max(1);
            }
        }
        Self { width, path }
    }
}

/// A link that stands alone.
pub struct Link {
    /// What it says.
    pub label: String,
    /// Where it leads.
    pub href: String,
}

/// What a person meets when a page can't be shown: 403, 404, 409, 503, a form that waited too long.
#[derive(Template)]
#[template(path = "web/problem.html")]
pub struct ProblemPage {
    /// What surrounds it.
    pub page: Outside,
    /// What happened, in a few words.
    pub title: String,
    /// What happened, in one sentence more; may be empty.
    pub happened: String,
    /// What to do next.
    pub next: String,
    /// The way back.
    pub back: Link,
    /// The request's id, for those who are asked for it.
    pub request_id: Option<String>,
}
