//! Workflows that every workspace has from the start.

pub struct BuiltIn {
    /// What a caller writes as its id.
    pub id: &'static str,
    pub document: &'static str,
}

macro_rules! built_ins {
    ($($id:literal,)*) => {
        &[$(BuiltIn { id: $id, document: include_str!(concat!("built_in/", $id, ".json")) },)*]
    };
}

const ALL: &[BuiltIn] = built_ins! {
    "product-shot",
    "icon-set",
    "picture-to-3d",
    "narrated-clip",
    "storyboard",
    "game-prop",
};

pub fn all() -> &'static [BuiltIn] {
    ALL
}

pub fn find(id: &str) -> Option<&'static BuiltIn> {
    ALL.iter().find(|built_in| built_in.id == id)
}
