//! Schemas of the domain's words, for `#[schema(value_type = ...)]`: the domain itself knows nothing of documents.

use domain::WhyEnded as Why;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type,
        schema::{ArrayBuilder, OneOfBuilder},
    },
};

use crate::connections::reads::Reads;

macro_rules! words {
    ($($(#[doc = $doc:literal])* $name:ident = $schema:expr;)+) => {
        $(
            $(#[doc = $doc])*
            pub struct $name;

            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    let described = concat!($($doc),*).trim();
                    $schema(described)
                }
            }

            impl ToSchema for $name {
                fn name() -> std::borrow::Cow<'static, str> {
                    stringify!($name).into()
                }
            }
        )+
    };
}

words! {
    /// A moment, RFC 3339 in UTC, to the second.
    Time = |about: &str| {
        let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
        let text = ObjectBuilder::new().schema_type(Type::String).format(Some(format));
        text.description(Some(about)).examples(["2026-05-03T09:14:07Z"]).into()
    };
    /// What a service holds and an app-specific password opens.
    Kind = |about| one_of(about, domain::Kind::ALL.map(domain::Kind::name));
    /// What apps speak with a service.
    Protocol = |about| one_of(about, domain::Protocol::ALL.map(domain::Protocol::name));
    /// How a connection is secured: with TLS from its first byte on, or begun within the protocol.
    Security = |about| one_of(about, domain::Security::ALL.map(domain::Security::name));
    /// Whether an account may be used: not before its person accepted the invitation, and not while it is suspended.
    AccountState = |about| one_of(about, ["invited", "active", "suspended"]);
    /// What events are filtered by.
    Sort = |about| one_of(about, domain::Sort::ALL.map(domain::Sort::code));
    /// What somebody has connected.
    ConnectionKind = |about| one_of(about, domain::ConnectionKind::ALL.map(domain::ConnectionKind::code));
    /// What a personal API token may be used for.
    Scope = |about| one_of(about, domain::Scope::ALL.map(domain::Scope::name));
    /// How a connection was when Apple was last asked about it.
    ConnectionState = |about| one_of(about, domain::ConnectionState::ALL.map(domain::ConnectionState::code));
    /// What an API key may read at Apple.
    KeyReads = |about| one_of(about, Reads::ALL.map(Reads::code));
    /// What a build was given of a connection.
    Given = |about| one_of(about, domain::Given::ALL.map(domain::Given::code));
    /// What somebody of a project's team may do.
    Role = |about| one_of(about, domain::Role::ALL.map(domain::Role::code));
    /// Why an app-specific password stopped working.
    WhyEnded = |about| one_of(about, Why::ALL.map(Why::code));
    /// How people are signed out of a service: all sessions of theirs by Dovecot; those of one app-specific password by Dovecot 2.4; by a
    /// webhook.
    SignOutWay = |about| one_of(about, domain::SignOutWay::ALL.map(domain::SignOutWay::code));
    /// Whose identity tokens they are.
    Ci = |about| one_of(about, domain::Ci::ALL.map(domain::Ci::code));
    /// Why a build ended.
    WhyBuildEnded = |about| one_of(about, domain::WhyBuildEnded::ALL.map(domain::WhyBuildEnded::code));
    /// What an app-specific password opens: some kinds, or what the first app that uses it opens.
    Opens = |about: &str| {
        let kinds = ArrayBuilder::new().items(utoipa::openapi::Ref::from_schema_name("Kind"));
        let both = OneOfBuilder::new().item(kinds).item(one_of("The first app that uses it.", ["first"]));
        both.description(Some(about)).into()
    };
}

/// One of a closed list of words.
fn one_of<const N: usize>(about: &str, words: [&'static str; N]) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).description(Some(about)).enum_values(Some(words)).into()
}
