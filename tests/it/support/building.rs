//! A project whose builds use somebody's API key, put into the data of a server that doesn't run: for tests of what builds receive.

use appleid::ApiKey;
use domain::{
    AccountId, AccountName, BuildId, ConnectionId, ConnectionKind, ConnectionState, MachineToken, ProjectId,
    ProjectName, ProjectTokenId, Proof, Rng, Role, Timestamp, TokenKind,
};
use serde_json::{Value, json};
use store::{
    DbError, accounts,
    builds::{self, Build},
    connections::{self, Connection},
    projects::{self, Project},
};

use super::{Answer, Request, Server};

/// A key that openssl made for tests; nothing else has ever used it.
const KEY: &str = include_str!("../../../crates/appleid/src/api_key/fixtures/pkcs8.pem");

/// A project, the connection that its builds use, and builds that are open.
pub struct Building<'s> {
    server: &'s Server,
    pub project: ProjectId,
    pub connection: ConnectionId,
    /// Whose connection it is.
    pub person: AccountId,
    pub builds: Vec<OpenBuild>,
}

/// A build that is open.
pub struct OpenBuild {
    pub id: BuildId,
    pub token: String,
}

/// What differs from one test to the next.
pub struct Made<'a> {
    /// Whose project it is: an ID.
    pub owner: &'a str,
    /// Whose connection it is, an admin of the project; none for the owner.
    pub admin: Option<&'a str>,
    /// The key, as Apple gave it.
    pub key: &'a str,
    pub project: &'a str,
    pub key_id: &'a str,
    pub issuer_id: Option<&'a str>,
    pub enterprise: bool,
    /// How many builds are open.
    pub builds: usize,
}

impl<'a> Made<'a> {
    pub const fn of(owner: &'a str) -> Self {
        Self {
            owner,
            admin: None,
            key: KEY,
            project: "Northwind iOS",
            key_id: "2X9R4HXF34",
            issuer_id: Some("57246542-96fe-1a63-e053-0824d011072a"),
            enterprise: false,
            builds: 1,
        }
    }
}

impl<'s> Building<'s> {
    /// Stops the server, makes all of this, and starts it again.
    pub fn make(server: &'s Server, made: &Made<'_>) -> Self {
        assert_eq!(server.stop().code, Some(0));
        let overrides = doorkey::config::Overrides { data: Some(server.data()) };
        let config = doorkey::config::load(None, server.store.setting().into_iter(), overrides).unwrap();
        let (_, opened) = doorkey::serve::open(config).unwrap();
        let (store, now) = (&opened.app.store, server.clock.now());
        let account = |id: &str| {
            let name = AccountName::parse(id, "").unwrap();
            store.read(|conn| accounts::by_name(conn, &name)).unwrap().unwrap().id
        };
        let (owner, admin) = (account(made.owner), made.admin.map(account));
        let person = admin.unwrap_or(owner);
        let mut rng = doorkey::clock::rng().unwrap();
        let project = Project {
            id: ProjectId::new(now, &mut rng),
            name: ProjectName::parse(made.project).unwrap(),
            build_minutes: 60,
            created_at: now,
        };
        let connection = Connection {
            id: ConnectionId::new(now, &mut rng),
            account: person,
            kind: ConnectionKind::ApiKey,
            name: format!("AuthKey_{}", made.key_id),
            state: ConnectionState::Good,
            created_at: now,
            checked_at: now,
            answer: None,
        };
        let row = connection.id.to_bytes();
        let place = seal::Place { table: "api_keys", row: &row, column: "private_sealed" };
        let key = connections::ApiKey {
            connection: connection.id,
            key_id: made.key_id.into(),
            issuer_id: made.issuer_id.map(str::to_owned),
            enterprise: made.enterprise,
            can: "Admin".into(),
            private_sealed: opened.app.keyring.seal(
                place,
                ApiKey::read(made.key.as_bytes()).ok().unwrap().der(),
                &mut rng,
            ),
        };
        let builds: Vec<_> = (0..made.builds).map(|_| open(project.id, now, &mut rng)).collect();
        let rows: Vec<_> =
            builds.iter().map(|(build, token)| (build.clone(), doorkey::secrets::hash(token))).collect();
        let (project_id, connection_id) = (project.id, connection.id);
        store
            .write_blocking(move |tx| {
                projects::insert(tx, &project)?;
                projects::join(tx, project.id, owner, Role::Owner, now)?;
                if let Some(admin) = admin {
                    projects::join(tx, project.id, admin, Role::Admin, now)?;
                }
                connections::insert(tx, &connection)?;
                connections::insert_api_key(tx, &key)?;
                connections::offer(tx, connection.id, project.id, now)?;
                connections::choose(tx, project.id, &connection, now)?;
                rows.iter().try_for_each(|(build, hash)| builds::insert(tx, build, hash))?;
                Ok::<_, DbError>(())
            })
            .unwrap();
        store.close();
        drop(opened);
        server.start_again();
        let builds = builds.into_iter().map(|(build, token)| OpenBuild { id: build.id, token }).collect();
        Self { server, project: project_id, connection: connection_id, person, builds }
    }

    /// What a step is answered that asks for the first build.
    pub fn steps(&self) -> Answer {
        self.builds[0].steps(self.server)
    }

    /// What a step of the first build finds, if that is a key.
    pub fn step_has_key(&self) -> bool {
        self.steps().json(200)["key_id"].is_string()
    }

    /// What another tool is answered in the first build.
    pub fn credentials(&self, body: &Value) -> Answer {
        self.server.api(&self.builds[0].token).post("/build/credentials", body)
    }

    /// What a build is given when it asks for a signed token.
    pub fn signed(&self, body: &Value) -> Answer {
        self.server.api(&self.builds[0].token).post("/build/app-store-connect-token", body)
    }

    /// What the log says that builds of this project were given.
    pub fn handed_out(&self) -> Vec<Value> {
        let path = format!("/events?limit=1000&kind=handed_out&project={}", self.project);
        let found = self.server.admin().get(&path).json(200);
        found["events"].as_array().unwrap().clone()
    }
}

impl OpenBuild {
    /// Where its steps ask.
    pub fn path(&self) -> String {
        format!("/builds/{}/apple_developer_portal_data.json", self.id)
    }

    /// What a step sends, as Go writes the header's name.
    pub fn request(&self) -> Request {
        Request::get(&self.path()).header("Build_api_token", &self.token)
    }

    /// What a step is answered.
    pub fn steps(&self, server: &Server) -> Answer {
        server.ask(&self.request())
    }
}

/// The key that these connections have.
pub fn key() -> ApiKey {
    ApiKey::read(KEY.as_bytes()).ok().unwrap()
}

/// What asks for nothing in particular.
pub fn everything() -> Value {
    json!({})
}

fn open(project: ProjectId, now: Timestamp, rng: &mut Rng) -> (Build, String) {
    let build = Build {
        id: BuildId::new(now, rng),
        project,
        opened_at: now,
        ends_at: now.plus_minutes(60),
        ended: None,
        proof: Proof::ProjectToken { id: ProjectTokenId::new(now, rng), label: "Jenkins".into() },
        commit: Some("1a2b3c4d5e6f7a8b".into()),
        reference: Some("refs/heads/main".into()),
        run: Some("https://ci.example/run/7".into()),
        source: Some("203.0.113.9".into()),
    };
    (build, MachineToken::generate(TokenKind::Build, rng).expose().to_owned())
}
