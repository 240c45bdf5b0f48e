//! The files of a workspace through the front door and by its commands: what they take up, who may delete them, how they
//! are listed. Not for: how an upload travels (`uploads`), or what makes files (`journey`).

mod deletion;
mod lists;
mod named;
mod page;
mod programs;
mod quota;

use crate::support::object::Object;
use crate::support::{Client, Memory};
use atelier::error::Refusal;
use atelier::id::{AssetId, PersonId, WorkspaceId};
use atelier::models::Modality;
use atelier::platform::Platform;
use atelier::workspace::media::{self, Asset, Origin};
use atelier::workspace::{Actor, Command, Opening, Reply, Role, Workspace};
use std::rc::Rc;

pub const QUARTER_HOUR: i64 = 15 * 60;

/// One workspace: Ada owns it, Bob is a member, Vic looks on. Eve is no member.
pub struct Library {
    pub memory: Memory,
    pub ada: Client,
    pub id: WorkspaceId,
}

pub fn person(name: &str) -> PersonId {
    PersonId::of(name)
}

pub fn actor(name: &str) -> Actor {
    Actor::person(&person(name), None, "r")
}

impl Library {
    pub fn new() -> Self {
        Self::with(1, &[])
    }

    pub fn with(seed: u64, settings: &[(&str, &str)]) -> Self {
        let memory = Memory::with(seed, settings);
        let ada = Client::new(&memory, "ada", 10.0);
        let library = Self { id: WorkspaceId::parse(&ada.workspace_id).unwrap(), memory, ada };
        for (name, role) in [("bob", Role::Member), ("vic", Role::Viewer)] {
            library.set_role(name, role);
        }
        library
    }

    pub fn set_role(&self, name: &str, role: Role) {
        let actor = Actor::operator("r");
        let label = Some(format!("{name}@example.com"));
        self.done(Command::AddMember { actor, person: person(name), role, label });
    }

    pub fn ask(&self, command: Command) -> Reply {
        self.memory.run(self.memory.ask::<Workspace>(self.id.as_str(), command)).unwrap()
    }

    pub fn done(&self, command: Command) {
        let reply = self.ask(command);
        assert!(matches!(reply, Reply::Done), "{reply:?}");
    }

    pub fn refused(&self, command: Command) -> Refusal {
        match self.ask(command) {
            Reply::Refused(refusal) => *refusal,
            other => panic!("{other:?}"),
        }
    }

    pub fn object(&self) -> Rc<Object> {
        self.memory.object::<Workspace>(self.id.as_str())
    }

    pub fn count(&self, table: &str) -> i64 {
        self.object().read(&format!("SELECT count(*) FROM {table}"), &[])[0].integer(0).unwrap()
    }

    /// What the workspace says its files take up, which is always what they do.
    pub fn stored(&self) -> u64 {
        let Reply::Summary(summary) = self.ask(Command::Summary { person: person("ada") }) else {
            panic!("no summary")
        };
        let sum = self.object().read("SELECT coalesce(sum(size_bytes), 0) FROM assets", &[]);
        assert_eq!(i64::try_from(summary.stored_bytes).unwrap(), sum[0].integer(0).unwrap());
        summary.stored_bytes
    }

    pub fn events(&self, name: &str) -> usize {
        self.object().read("SELECT 1 FROM audit WHERE event = ?", &[name.into()]).len()
    }

    pub fn new_id(&self) -> AssetId {
        AssetId::mint(self.memory.now(), &self.memory.random())
    }

    pub fn opening(&self, who: &str, asset_id: &AssetId, bytes: u64) -> Command {
        Command::OpenUpload(Box::new(Opening {
            actor: actor(who),
            person: person(who),
            asset_id: asset_id.clone(),
            bytes,
            until: self.memory.now().plus_seconds(QUARTER_HOUR),
        }))
    }

    pub fn asset(&self, name: &str, bytes: u64) -> Asset {
        Asset {
            asset_id: self.new_id(),
            run_id: None,
            position: None,
            kind: Modality::Image,
            mime_type: "image/png".into(),
            extension: "png".into(),
            size_bytes: bytes,
            width: Some(512),
            height: Some(256),
            duration_seconds: None,
            alt: String::new(),
            name: Some(name.to_owned()),
            sha256: Some("ab".repeat(32)),
            origin: Origin::Uploaded,
            has_poster: true,
            person: None,
            created_at: None,
        }
    }

    pub fn adding(&self, who: &str, asset: &Asset) -> Command {
        Command::AddAsset { actor: actor(who), asset: Box::new(asset.clone()) }
    }

    /// Stores its objects and adds it.
    pub fn upload(&self, who: &str, asset: Asset) -> Asset {
        for key in self.keys(&asset) {
            let bytes = vec![7; usize::try_from(asset.size_bytes).unwrap()];
            self.memory.run(self.memory.put_object(&key, &asset.mime_type, bytes)).unwrap();
        }
        self.done(self.adding(who, &asset));
        asset
    }

    pub fn keys(&self, asset: &Asset) -> [String; 2] {
        let file = media::key(&self.id, &asset.asset_id, &asset.extension);
        [file, media::poster_key(&self.id, &asset.asset_id)]
    }

    /// Which of its objects are stored.
    pub fn kept(&self, asset: &Asset) -> [bool; 2] {
        let files = self.memory.files();
        self.keys(asset).map(|key| files.contains(&key))
    }

    pub fn deleting(&self, who: &str, asset: &Asset) -> Command {
        let asset_id = asset.asset_id.clone();
        Command::DeleteAsset { actor: actor(who), workspace: self.id.clone(), asset_id }
    }

    pub fn find(&self, asset_id: &AssetId) -> Option<Asset> {
        let command = Command::Asset { person: person("ada"), asset_id: asset_id.clone() };
        match self.ask(command) {
            Reply::Assets(assets) => assets.into_iter().next(),
            other => panic!("{other:?}"),
        }
    }
}
