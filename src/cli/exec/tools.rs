//! What each tool reads its API key from: the variables and files of each, all made from the one key.

use std::path::Path;

use appleid::ApiKey;
use clap::ValueEnum;
use domain::Secret;
use serde_json::{Value, json};

/// A tool that is given its API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Tool {
    /// fastlane: deliver, pilot, sigh, match and the rest
    Fastlane,
    /// altool, with --apiKey and --apiIssuer
    Altool,
    /// notarytool, with --key, --key-id and --issuer
    Notarytool,
    /// xcodebuild, with -authenticationKeyPath, -authenticationKeyID and -authenticationKeyIssuerID
    Xcodebuild,
    /// rcodesign, with --api-key-file
    Rcodesign,
    /// Expo's EAS
    Eas,
    /// Codemagic's command line tools
    Codemagic,
    /// Bitrise's steps
    Bitrise,
}

/// The API key that a build was given.
pub(super) struct GivenKey {
    pub(super) key: ApiKey,
    pub(super) key_id: String,
    /// None for a key of one person.
    pub(super) issuer_id: Option<String>,
    pub(super) enterprise: bool,
}

/// What is put into files and variables.
#[derive(Default)]
pub(super) struct Handed {
    /// Each with its name in the folder.
    pub(super) files: Vec<(String, Secret<String>)>,
    pub(super) variables: Vec<(&'static str, String)>,
    /// Variables that would contradict these, and are taken away where they are set.
    pub(super) without: Vec<&'static str>,
    /// Why a tool that was asked for can't have it.
    pub(super) refused: Vec<String>,
}

impl GivenKey {
    /// What these tools read, with the files in `folder`.
    pub(super) fn handed(&self, tools: &[Tool], folder: &Path) -> Handed {
        let mut handed = Handed::default();
        let file = |name: &str| folder.join(name).display().to_string();
        let p8 = format!("AuthKey_{}.p8", self.key_id);
        let p8_path = file(&p8);
        // Tools that are told by their arguments are given these; a script names no tool's own.
        handed.variables.push(("DOORKEY_API_KEY_ID", self.key_id.clone()));
        handed.variables.push(("DOORKEY_API_KEY_PATH", p8_path.clone()));
        handed.issuer("DOORKEY_API_KEY_ISSUER_ID", self);
        for tool in tools {
            match tool {
                Tool::Fastlane => self.fastlane(&file("fastlane.json"), &p8_path, &mut handed),
                Tool::Altool => {
                    handed.variables.push(("API_PRIVATE_KEYS_DIR", folder.display().to_string()));
                }
                // It is told by its arguments alone.
                Tool::Xcodebuild => {}
                Tool::Notarytool if self.issuer_id.is_none() => {
                    handed.refused.push("notarytool takes no key of one person: it needs a team's".into());
                }
                Tool::Notarytool => {}
                Tool::Rcodesign => self.rcodesign(&file("rcodesign.json"), &mut handed),
                Tool::Eas => {
                    handed.variables.push(("EXPO_ASC_API_KEY_PATH", p8_path.clone()));
                    handed.variables.push(("EXPO_ASC_KEY_ID", self.key_id.clone()));
                    handed.issuer("EXPO_ASC_ISSUER_ID", self);
                }
                Tool::Codemagic => {
                    handed.variables.push(("APP_STORE_CONNECT_KEY_IDENTIFIER", self.key_id.clone()));
                    handed.issuer("APP_STORE_CONNECT_ISSUER_ID", self);
                    // It reads a file where a variable says so, and the key needs to be in none.
                    handed.variables.push(("APP_STORE_CONNECT_PRIVATE_KEY", format!("@file:{p8_path}")));
                }
                Tool::Bitrise => self.bitrise(&file(PORTAL_DATA), &mut handed),
            }
        }
        handed.files.push((p8, self.key.pem()));
        handed
    }

    fn fastlane(&self, path: &str, p8_path: &str, handed: &mut Handed) {
        let mut content = json!({ "key_id": self.key_id });
        if let (Some(object), Some(issuer)) = (content.as_object_mut(), &self.issuer_id) {
            object.insert("issuer_id".into(), issuer.as_str().into());
        }
        if let Some(object) = content.as_object_mut() {
            object.insert("key".into(), self.key.pem().expose().as_str().into());
            object.insert("in_house".into(), self.enterprise.into());
        }
        handed.file("fastlane.json", &content);
        for name in ["APP_STORE_CONNECT_API_KEY_PATH", "DELIVER_API_KEY_PATH", "PILOT_API_KEY_PATH"] {
            handed.variables.push((name, path.to_owned()));
        }
        // The action app_store_connect_api_key, and spaceship by itself.
        for (id, file, in_house) in [
            (
                "APP_STORE_CONNECT_API_KEY_KEY_ID",
                "APP_STORE_CONNECT_API_KEY_KEY_FILEPATH",
                "APP_STORE_CONNECT_API_KEY_IN_HOUSE",
            ),
            (
                "SPACESHIP_CONNECT_API_KEY_ID",
                "SPACESHIP_CONNECT_API_KEY_FILEPATH",
                "SPACESHIP_CONNECT_API_IN_HOUSE",
            ),
        ] {
            handed.variables.push((id, self.key_id.clone()));
            handed.variables.push((file, p8_path.to_owned()));
            handed.variables.push((in_house, self.enterprise.to_string()));
        }
        handed.issuer("APP_STORE_CONNECT_API_KEY_ISSUER_ID", self);
        handed.issuer("SPACESHIP_CONNECT_API_ISSUER_ID", self);
        // The key itself in a variable, beside a file: fastlane refuses to choose.
        handed.without.extend([
            "APP_STORE_CONNECT_API_KEY_KEY",
            "APP_STORE_CONNECT_API_KEY_IS_KEY_CONTENT_BASE64",
            "SPACESHIP_CONNECT_API_KEY",
        ]);
    }

    fn rcodesign(&self, path: &str, handed: &mut Handed) {
        let Some(issuer) = &self.issuer_id else {
            handed.refused.push("rcodesign takes no key of one person: it needs a team's".into());
            return;
        };
        let key = self.key.der_base64();
        let content = json!({ "issuer_id": issuer, "key_id": self.key_id, "private_key": key.expose() });
        handed.file("rcodesign.json", &content);
        handed.variables.push(("DOORKEY_RCODESIGN_KEY_PATH", path.to_owned()));
    }

    /// A step asks for nothing where the whole path of a file stands in the build's URL. Its token is never sent then, but
    /// has to be there.
    fn bitrise(&self, path: &str, handed: &mut Handed) {
        let content = match &self.issuer_id {
            Some(issuer) => json!({
                "key_id": self.key_id, "issuer_id": issuer, "private_key": self.key.pem().expose(),
                "is_enterprise_account": self.enterprise,
            }),
            None => {
                handed.refused.push("Bitrise's steps take no key of one person: they need a team's".into());
                json!({})
            }
        };
        handed.file(PORTAL_DATA, &content);
        handed.variables.push(("BITRISE_BUILD_URL", format!("file://{path}")));
        handed.variables.push(("BITRISE_BUILD_API_TOKEN", "in-the-file".into()));
    }
}

/// As the steps call it.
const PORTAL_DATA: &str = "apple_developer_portal_data.json";

impl Handed {
    fn file(&mut self, name: &str, content: &Value) {
        self.files.push((name.to_owned(), Secret::new(content.to_string())));
    }

    /// A key of one person has no issuer, and then none may be left over from elsewhere.
    fn issuer(&mut self, name: &'static str, key: &GivenKey) {
        match &key.issuer_id {
            Some(issuer) => self.variables.push((name, issuer.clone())),
            None => self.without.push(name),
        }
    }
}
