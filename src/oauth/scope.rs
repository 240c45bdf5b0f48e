//! OAuth scopes (RFC 6749 section 3.3) of the gateway: what a token may be used for.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! scopes {
    ($($name:ident = $wire:literal;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Scope { $($name,)* }

        impl Scope {
            pub const ALL: &'static [Scope] = &[$(Scope::$name,)*];

            pub fn as_str(self) -> &'static str {
                match self { $(Scope::$name => $wire,)* }
            }

            pub fn parse(text: &str) -> Option<Self> {
                match text { $($wire => Some(Scope::$name),)* _ => None }
            }
        }
    };
}

scopes! {
    WorkspacesRead = "workspaces:read";
    ModelsRead = "models:read";
    ForgeRead = "forge:read";
    ForgeExecute = "forge:execute";
    WorkflowsRead = "workflows:read";
    WorkflowsExecute = "workflows:execute";
    WorkflowsWrite = "workflows:write";
    FilesWrite = "files:write";
    ProjectsRead = "projects:read";
    ProjectsWrite = "projects:write";
    TemplatesRead = "templates:read";
    ConnectionsRead = "connections:read";
    MomentsRead = "moments:read";
    StoriesRead = "stories:read";
    StoriesWrite = "stories:write";
    StoriesPublish = "stories:publish";
    MediaRead = "media:read";
    MediaWrite = "media:write";
    WebhooksRead = "webhooks:read";
    WebhooksWrite = "webhooks:write";
    WorkspacesWrite = "workspaces:write";
}

impl Scope {
    /// Whether an app may be offered it. A model that holds a token with `workspaces:write` could give itself money, so
    /// only a personal access token has it, and only where it was asked for by name.
    pub fn is_for_apps(self) -> bool {
        self != Scope::WorkspacesWrite
    }
}

/// A set of scopes, one bit each. On the wire it is the space-separated list of RFC 6749.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(u32);

impl Scopes {
    pub fn all() -> Self {
        Scope::ALL.iter().copied().collect()
    }

    /// All that an app may be offered, and a token has that was made without naming any.
    pub fn for_apps() -> Self {
        Scope::ALL.iter().copied().filter(|scope| scope.is_for_apps()).collect()
    }

    pub fn has(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u32) != 0
    }

    pub fn has_all(self, scopes: &[Scope]) -> bool {
        scopes.iter().all(|scope| self.has(*scope))
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those in both.
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those of a client's request that exist here; `offline_access`, `openid` and the like are not ours to refuse.
    pub fn known(text: &str) -> Self {
        text.split_ascii_whitespace().filter_map(Scope::parse).collect()
    }

    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.iter().copied().filter(move |scope| self.has(*scope))
    }

    /// Err: the word that is not a scope.
    pub fn parse(text: &str) -> Result<Self, String> {
        text.split_ascii_whitespace().map(|word| Scope::parse(word).ok_or_else(|| word.to_owned())).collect()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | 1 << scope as u32))
    }
}

impl std::fmt::Display for Scopes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words: Vec<_> =
            Scope::ALL.iter().filter(|scope| self.has(**scope)).map(|scope| scope.as_str()).collect();
        f.write_str(&words.join(" "))
    }
}

impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Scopes::parse(&text).map_err(|word| serde::de::Error::custom(format!("`{word}` is not a scope")))
    }
}

/// What a personal access token is usually made for.
pub fn preset(name: &str) -> Option<Scopes> {
    use Scope::{
        ConnectionsRead, MediaRead, ProjectsRead, StoriesPublish, StoriesRead, TemplatesRead, WorkspacesRead,
    };
    let publish = [
        WorkspacesRead,
        ProjectsRead,
        TemplatesRead,
        ConnectionsRead,
        StoriesRead,
        StoriesPublish,
        MediaRead,
    ];
    match name {
        // Publishing and telling other machines have to be asked for by name.
        "agent" => {
            let reaches_out = |scope: &Scope| matches!(scope, Scope::StoriesPublish | Scope::WebhooksWrite);
            Some(Scopes::for_apps().iter().filter(|scope| !reaches_out(scope)).collect())
        }
        "read_only" => {
            Some(Scope::ALL.iter().copied().filter(|scope| scope.as_str().ends_with(":read")).collect())
        }
        "publish_only" => Some(publish.into_iter().collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_round_trips_and_names_a_foreign_word() {
        let some = Scopes::parse("forge:read  models:read").unwrap();
        assert_eq!(some.to_string(), "models:read forge:read");
        assert!(some.has_all(&[Scope::ForgeRead, Scope::ModelsRead]) && !some.has(Scope::ForgeExecute));
        assert_eq!(Scopes::parse(&Scopes::all().to_string()), Ok(Scopes::all()));
        assert_eq!(Scopes::parse("forge:read admin"), Err("admin".into()));
        assert_eq!(Scopes::known("offline_access forge:read openid").to_string(), "forge:read");
        let published = preset("publish_only").unwrap();
        assert!(published.has(Scope::StoriesPublish) && !published.has(Scope::ForgeExecute));
        assert!(!preset("read_only").unwrap().has(Scope::MediaWrite) && preset("other").is_none());
    }

    #[test]
    fn no_preset_and_no_app_gets_what_gives_units() {
        let presets = ["agent", "read_only", "publish_only"].map(|name| preset(name).unwrap());
        for scopes in presets.into_iter().chain([Scopes::for_apps()]) {
            assert!(!scopes.has(Scope::WorkspacesWrite) && !scopes.is_empty(), "{scopes}");
        }
        assert!(Scopes::all().has(Scope::WorkspacesWrite));
    }
}
