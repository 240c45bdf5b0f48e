//! How far an upload is, inside and as others see it.

use super::intent::Intent;
use super::limits;
use crate::error::Refusal;
use crate::time::Timestamp;
use crate::workspace::Asset;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum State {
    /// Nobody has sent anything yet, or what came was not taken: then `error` says why.
    Pending {
        error: Option<Refusal>,
    },
    /// One attempt sends; without a word from it until then it is taken for dead.
    Receiving {
        attempt: String,
        until: Timestamp,
    },
    /// The bytes are in object storage; the workspace does not know yet.
    Storing {
        asset: Box<Asset>,
    },
    /// `is_settled`: its checksum and thumbnail are made too.
    Stored {
        asset: Box<Asset>,
        is_settled: bool,
    },
    /// For good: this upload cannot be tried again.
    Failed {
        error: Refusal,
    },
    Expired,
}

crate::models::words! {
    /// What a reader sees of an upload.
    Word {
        Pending = "pending",
        Receiving = "receiving",
        Stored = "stored",
        Failed = "failed",
        Expired = "expired",
    }
}

/// One upload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub intent: Intent,
    pub state: State,
    /// When it expires; later than the intent said, where chunks came.
    pub expires_at: Timestamp,
    /// What object storage calls the object that comes in parts.
    pub multipart: Option<String>,
    /// An attempt may have stored an object and died before it could say so.
    pub may_hold: bool,
    /// How often its thumbnail was begun and not finished: a picture can end the instance that decodes it.
    #[serde(default)]
    pub tries: u32,
    /// After it has ended: until when it is remembered.
    pub forget_at: Option<Timestamp>,
}

impl Record {
    pub fn new(intent: Intent) -> Self {
        let expires_at = intent.expires_at;
        Self {
            intent,
            state: State::Pending { error: None },
            expires_at,
            multipart: None,
            may_hold: false,
            tries: 0,
            forget_at: None,
        }
    }

    pub fn word(&self, now: Timestamp) -> Word {
        match &self.state {
            State::Pending { .. } if now >= self.expires_at => Word::Expired,
            State::Pending { error: None } => Word::Pending,
            State::Pending { error: Some(_) } | State::Failed { .. } => Word::Failed,
            State::Receiving { .. } | State::Storing { .. } => Word::Receiving,
            State::Stored { .. } => Word::Stored,
            State::Expired => Word::Expired,
        }
    }

    /// Whether nothing will change by itself any more.
    pub fn has_ended(&self) -> bool {
        matches!(self.state, State::Stored { .. } | State::Failed { .. } | State::Expired)
    }

    pub fn end(&mut self, state: State, now: Timestamp) {
        self.state = state;
        self.forget_at = Some(now.plus_seconds(limits::REMEMBER_SECONDS));
    }
}

/// What has come of an upload in pieces.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pieces {
    /// Numbers of parts from 1, indexes of chunks from 0.
    pub received: Vec<u32>,
    pub received_bytes: u64,
}

/// An upload as others see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct View {
    pub intent: Intent,
    pub word: Word,
    pub asset: Option<Box<Asset>>,
    pub error: Option<Refusal>,
    pub expires_at: Timestamp,
    /// While it is not stored, of one that comes in pieces.
    pub pieces: Option<Pieces>,
}

impl View {
    pub fn of(record: &Record, now: Timestamp, pieces: Option<Pieces>) -> Self {
        let (asset, error) = match &record.state {
            State::Stored { asset, .. } => (Some(asset.clone()), None),
            State::Pending { error } => (None, error.clone()),
            State::Failed { error } => (None, Some(error.clone())),
            State::Receiving { .. } | State::Storing { .. } | State::Expired => (None, None),
        };
        Self {
            intent: record.intent.clone(),
            word: record.word(now),
            asset,
            error,
            expires_at: record.expires_at,
            pieces,
        }
    }

    /// Numbers of the parts that have not come, at most so many.
    pub fn missing_parts(&self, most: usize) -> Vec<u32> {
        let (Some(size), Some(part_bytes)) = (self.intent.size_bytes, self.intent.part_bytes()) else {
            return Vec::new();
        };
        let received = self.pieces.as_ref().map_or(&[][..], |pieces| &pieces.received);
        (1..=limits::parts(size, part_bytes))
            .filter(|number| received.binary_search(number).is_err())
            .take(most)
            .collect()
    }
}
