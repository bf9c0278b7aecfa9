//! *Services*, in a browser, for administrators.

use axum::{extract::Path, response::Response};
use domain::{KindSet, ServiceName};

use super::{
    Change, LastChange, Listed, New,
    configuration::{self, Values},
    http_door,
    views::{
        AddPage, AllowedGroup, ChangePage, Changed, KEY_PLACE, KeyOf, KeyPage, ListPage, NewKeyPage,
        RemovePage, ServicePage, ServiceRow, WhoField,
    },
};
use crate::{
    access::{Admin, Fresh, SignedIn},
    groups::{self, pages::people, said},
    problem::{Code, Problem},
    set_up, sign_out, trials,
    web::{
        form::Form,
        in_query,
        views::{Choice, Field, NoticeKind},
        visit::{Visit, about},
    },
};

/// The address of the list.
pub const HERE: &str = "/services";

/// `GET /services`.
pub async fn list(visit: Visit, person: SignedIn) -> Result<Response, Problem> {
    let admin = person.admin()?;
    let mut rows = Vec::new();
    for listed in super::list(&visit.app, &admin)? {
        rows.push(ServiceRow {
            name: listed.service.name.to_string(),
            kinds: listed.service.kinds.to_string(),
            only_for: only_for(&listed.group_names()),
            href: page_of(listed.service.name.as_str()),
            last_used: listed.last_used.map(|at| visit.when(at)),
            changed: changed(&visit, &admin, &listed.service.name)?,
        });
    }
    let view = ListPage { rows, frame: visit.frame(&person, HERE), add_href: "/services/add".into() };
    Ok(visit.show(&view))
}

fn changed(visit: &Visit, admin: &Admin, name: &ServiceName) -> Result<Option<Changed>, Problem> {
    let last = super::last_change(&visit.app, admin, name)?;
    Ok(last.map(|LastChange { at, is_new, by, sentence }| Changed {
        is_new,
        when: visit.when(at),
        by,
        sentence,
    }))
}

/// How many groups the list names.
const MOST_NAMED: usize = 3;

fn only_for(groups: &[&str]) -> Option<String> {
    match groups.len() {
        0 => None,
        1..=MOST_NAMED => Some(said(groups.iter().copied())),
        more => Some(format!("{more} groups")),
    }
}

/// The address of a service's page.
pub fn page_of(name: &str) -> String {
    format!("/services/at/{name}")
}

/// `GET /services/add`.
pub async fn add(visit: Visit, person: Fresh<SignedIn>) -> Result<Response, Problem> {
    add_page(&visit, &person, "", &Chosen::default(), None)
}

/// What is chosen in the forms about a service.
#[derive(Default)]
struct Chosen<'a> {
    kinds: Vec<&'a str>,
    only_groups: bool,
    groups: Vec<&'a str>,
}

impl<'a> Chosen<'a> {
    fn read(form: &'a Form) -> Self {
        // Where there are no groups, the form doesn't ask.
        let only_groups = !matches!(form.get("who"), "" | "everyone");
        Self { kinds: form.all("kind").collect(), only_groups, groups: form.all("group").collect() }
    }

    /// The groups that may use it; none for everyone.
    fn allowed(&self) -> Result<&[&'a str], Problem> {
        match (self.only_groups, self.groups.as_slice()) {
            (false, _) => Ok(&[]),
            (true, []) => Err(Problem::field("groups", "Choose at least one group, or everyone.")),
            (true, groups) => Ok(groups),
        }
    }

    fn new_service(&self, name: &str) -> Result<New, Problem> {
        New::parse(name, self.kinds.iter().copied(), self.allowed()?.iter().copied())
    }

    fn change(&self, seen: &str) -> Result<Change, Problem> {
        let change = Change::parse(Some(self.kinds.iter().copied()), Some(self.allowed()?.iter().copied()))?;
        Ok(Change { seen: Some(seen.into()), ..change })
    }

    fn who(&self, visit: &Visit, admin: &Admin, problem: Option<&Problem>) -> Result<WhoField, Problem> {
        let choice = |listed: groups::Listed| Choice {
            chosen: self.groups.contains(&listed.group.name.as_str()),
            value: listed.group.name.to_string(),
            label: listed.group.name.to_string(),
            hint: people(listed.members),
        };
        Ok(WhoField {
            only_groups: self.only_groups,
            groups: groups::list(&visit.app, admin)?.into_iter().map(choice).collect(),
            error: about(problem, &["groups"]),
        })
    }
}

fn add_page(
    visit: &Visit,
    person: &Fresh<SignedIn>,
    name: &str,
    chosen: &Chosen<'_>,
    problem: Option<&Problem>,
) -> Result<Response, Problem> {
    let view = AddPage {
        who: chosen.who(visit, person.admin()?.who(), problem)?,
        frame: visit.frame(person.who(), HERE),
        action: "/services/add".into(),
        cancel_href: HERE.into(),
        name: Field { value: name.into(), error: about(problem, &["name"]) },
        kinds: Choice::kinds(&chosen.kinds),
        kinds_error: about(problem, &["kinds"]),
    };
    Ok(visit.show_again(&view, problem))
}

/// `POST /services/add`: the answer shows the key, this once.
pub async fn post_add(mut visit: Visit, person: Fresh<SignedIn>, form: Form) -> Result<Response, Problem> {
    let admin = person.admin()?;
    let chosen = Chosen::read(&form);
    let added = match chosen.new_service(form.get("name")) {
        Ok(new) => super::add(&visit.app, &mut visit.ctx, &admin, new).await,
        Err(problem) => Err(problem),
    };
    match added {
        Ok((listed, key)) => {
            let (name, kinds) = (listed.service.name.as_str(), listed.service.kinds);
            Ok(key_page(&visit, person.who(), name, kinds, key.expose(), KeyOf::NewService))
        }
        Err(problem) if matches!(problem.code, Code::Unfit | Code::Conflict) => {
            add_page(&visit, &person, form.get("name"), &chosen, Some(&problem))
        }
        Err(problem) => Err(problem),
    }
}

fn key_page(
    visit: &Visit,
    person: &SignedIn,
    name: &str,
    kinds: KindSet,
    key: &str,
    key_of: KeyOf,
) -> Response {
    let view = KeyPage {
        frame: visit.frame(person, HERE),
        name: name.into(),
        key: key.into(),
        key_of,
        configurations: configuration::all(&Values::of(&visit.app, name, kinds, key)),
        service_href: page_of(name),
    };
    visit.show(&view)
}

/// `GET /services/at/{name}`.
pub async fn service(visit: Visit, person: SignedIn, Path(name): Path<String>) -> Result<Response, Problem> {
    let admin = person.admin()?;
    let Listed { service, groups, last_used } = super::get(&visit.app, &admin, &name)?;
    let mut allowed = Vec::new();
    for group in &groups {
        let members = visit.app.store.read(|conn| store::groups::count(conn, group.id))?;
        let (name, href) = (group.name.to_string(), groups::pages::page_of(group.name.as_str()));
        allowed.push(AllowedGroup { name, href, members: people(members) });
    }
    let here = page_of(&name);
    let view = ServicePage {
        frame: visit.frame(&person, HERE),
        kinds: service.kinds.to_string(),
        groups: allowed,
        change_href: format!("{here}/change"),
        changed: changed(&visit, &admin, &service.name)?,
        events_href: format!("/events?service={}", in_query(&name)),
        last_used: last_used.map(|at| visit.when(at)),
        wrong_key: visit
            .app
            .usage
            .last_wrong_key(&service.name)
            .map(|wrong| (visit.when(wrong.at), wrong.source)),
        sign_out: sign_out::pages::section(&visit, &admin, &name)?,
        door_url: http_door(&visit.app, &service.name),
        key_made: visit.when(service.key_made_at),
        configurations: configuration::all(&Values::of(
            &visit.app,
            service.name.as_str(),
            service.kinds,
            KEY_PLACE,
        )),
        set_up: set_up::pages::section(&visit, &admin, &name)?,
        list_href: HERE.into(),
        test_href: trials::pages::begin_href(&name),
        new_key_href: format!("{here}/new-key"),
        remove_href: format!("{here}/remove"),
        name,
    };
    Ok(visit.show(&view))
}

/// `GET /services/at/{name}/change`.
pub async fn change(
    visit: Visit,
    person: Fresh<SignedIn>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let listed = super::get(&visit.app, person.admin()?.who(), &name)?;
    let chosen = Chosen {
        kinds: listed.service.kinds.iter().map(domain::Kind::name).collect(),
        only_groups: !listed.groups.is_empty(),
        groups: listed.group_names(),
    };
    change_page(&visit, &person, &name, &listed.state(), &chosen, None)
}

fn change_page(
    visit: &Visit,
    person: &Fresh<SignedIn>,
    name: &str,
    seen: &str,
    chosen: &Chosen<'_>,
    problem: Option<&Problem>,
) -> Result<Response, Problem> {
    let view = ChangePage {
        who: chosen.who(visit, person.admin()?.who(), problem)?,
        frame: visit.frame(person.who(), HERE),
        action: format!("{}/change", page_of(name)),
        cancel_href: page_of(name),
        name: name.into(),
        seen: seen.into(),
        kinds: Choice::kinds(&chosen.kinds),
        kinds_error: about(problem, &["kinds"]),
    };
    Ok(visit.show_again(&view, problem))
}

/// `POST /services/at/{name}/change`.
pub async fn post_change(
    visit: Visit,
    person: Fresh<SignedIn>,
    Path(name): Path<String>,
    form: Form,
) -> Result<Response, Problem> {
    let admin = person.admin()?;
    let chosen = Chosen::read(&form);
    let changed = match chosen.change(form.get("seen")) {
        Ok(change) => super::change(&visit.app, &visit.ctx, &admin, &name, change).await,
        Err(problem) => Err(problem),
    };
    match changed {
        Ok(Listed { service, groups, .. }) => {
            let names: Vec<_> = groups.iter().map(|group| group.name.as_str()).collect();
            let who = if names.is_empty() {
                "everyone".into()
            } else {
                format!("only {}", said(names.into_iter()))
            };
            let text = format!("{name} holds {} now, and {who} may use it.", service.kinds);
            Ok(visit.go(&page_of(&name), NoticeKind::Success, &text))
        }
        Err(problem) if problem.code == Code::Unfit => {
            change_page(&visit, &person, &name, form.get("seen"), &chosen, Some(&problem))
        }
        Err(problem) if problem.code == Code::Conflict => {
            Ok(visit.go(&page_of(&name), NoticeKind::Warning, &problem.detail))
        }
        Err(problem) => Err(problem),
    }
}

/// `GET /services/at/{name}/new-key`.
pub async fn new_key(
    visit: Visit,
    person: Fresh<SignedIn>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    super::get(&visit.app, person.admin()?.who(), &name)?;
    let view = NewKeyPage {
        frame: visit.frame(person.who(), HERE),
        action: format!("{}/new-key", page_of(&name)),
        cancel_href: page_of(&name),
        name,
    };
    Ok(visit.show(&view))
}

/// `POST /services/at/{name}/new-key`: the answer shows the key, this once.
pub async fn post_new_key(
    mut visit: Visit,
    person: Fresh<SignedIn>,
    Path(name): Path<String>,
    _form: Form,
) -> Result<Response, Problem> {
    let (service, key) = super::new_key(&visit.app, &mut visit.ctx, &person.admin()?, &name).await?;
    Ok(key_page(&visit, person.who(), service.name.as_str(), service.kinds, key.expose(), KeyOf::Replaced))
}

/// `GET /services/at/{name}/remove`.
pub async fn remove(
    visit: Visit,
    person: Fresh<SignedIn>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    super::get(&visit.app, person.admin()?.who(), &name)?;
    let view = RemovePage {
        frame: visit.frame(person.who(), HERE),
        action: format!("{}/remove", page_of(&name)),
        cancel_href: page_of(&name),
        name,
    };
    Ok(visit.show(&view))
}

/// `POST /services/at/{name}/remove`.
pub async fn post_remove(
    visit: Visit,
    person: Fresh<SignedIn>,
    Path(name): Path<String>,
    _form: Form,
) -> Result<Response, Problem> {
    super::remove(&visit.app, &visit.ctx, &person.admin()?, &name).await?;
    let text = format!("The service {name} is removed, and its door is closed.");
    Ok(visit.go(HERE, NoticeKind::Success, &text))
}
