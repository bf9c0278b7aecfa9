use crate::{Rng, Timestamp};

/// A text that should have been an id and isn't.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is not an id of the form {prefix}_ and 32 hexadecimal digits")]
pub struct IdError {
    prefix: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(uuid::Uuid);

        impl $name {
            /// A new id: a UUID version 7 (RFC 9562), so ids sort by the time they were made.
            #[must_use]
            pub fn new(now: Timestamp, rng: &mut Rng) -> Self {
                let millis = u64::try_from(now.millis()).unwrap_or(0);
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &rng.bytes()).into_uuid())
            }

            /// The 16 bytes, for a place where memory counts.
            #[must_use]
            pub const fn to_bytes(self) -> [u8; 16] {
                self.0.into_bytes()
            }

            /// The id that has these 16 bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(uuid::Uuid::from_bytes(bytes))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0.simple())
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                text.strip_prefix(concat!($prefix, "_"))
                    .filter(|hex| hex.len() == 32 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
                    .and_then(|hex| uuid::Uuid::try_parse(hex).ok())
                    .map(Self)
                    .ok_or(IdError { prefix: $prefix })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(/** A person's account. */ AccountId, "acc");
id!(/** An app-specific password; never the secret itself. */ AppPasswordId, "apw");
id!(/** A trusted browser. */ BrowserId, "bro");
id!(/** One run of a project's pipeline. */ BuildId, "bld");
id!(/** An Apple ID or an API key that somebody has connected. */ ConnectionId, "con");
id!(/** A group of people. */ GroupId, "grp");
id!(/** A one-time link: set-up or reset. */ LinkId, "lnk");
id!(/** A CI that signs identity tokens. */ IssuerId, "iss");
id!(/** Somebody who is asked to join a project's team. */ InvitationId, "inv");
id!(/** What a CI builds. */ ProjectId, "prj");
id!(/** A project token; never the token itself. */ ProjectTokenId, "pjt");
id!(/** A recovery code; never the code itself. */ RecoveryCodeId, "rec");
id!(/** A mail that waits to be sent. */ MailId, "mail");
id!(/** One request, in every log line and event that it caused. */ RequestId, "req");
id!(/** A rule of a project: whose identity tokens open builds of it. */ RuleId, "rul");
id!(/** A service: a server that people's apps sign in to. */ ServiceId, "svc");
id!(/** A signed-in browser or command line. */ SessionId, "ses");
id!(/** Something that a service is to be asked when a password was taken back. */ SignOutId, "out");
id!(/** A key that signs what webhooks are told. */ SigningKeyId, "sgk");
id!(/** A personal API token; never the token itself. */ TokenId, "tok");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_with_its_prefix_and_reads_back_only_so() {
        let mut rng = Rng::from_seed([7; 32]);
        let id = AccountId::new(Timestamp::from_millis(1_777_777_777_000), &mut rng);
        let text = id.to_string();
        assert!(text.starts_with("acc_019debd01968") && text.len() == 36, "{text}");
        assert_eq!(text.parse(), Ok(id));
        assert_eq!(AccountId::from_bytes(id.to_bytes()), id);
        for wrong in
            ["", "acc_", &text.replace("acc", "svc"), &text.to_uppercase(), &text[..35], &format!("{text}0")]
        {
            assert!(wrong.parse::<AccountId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn later_ids_sort_after_earlier_ones() {
        let mut rng = Rng::from_seed([7; 32]);
        let early = AccountId::new(Timestamp::from_millis(1_000), &mut rng);
        let late = AccountId::new(Timestamp::from_millis(2_000), &mut rng);
        assert!(early < late && early.to_string() < late.to_string());
    }
}
