//! The Durable Object classes: each loads nothing, decides nothing, and hands every event to its `Entity`.

use super::listen::AFTER_HEADER;
use super::platform::{Workers, unavailable};
use super::sql::{self, SqlStorage};
use crate::oauth::account::Account;
use crate::oauth::clients::Clients;
use crate::platform::{Entity, Level, Platform, Storage, Unavailable};
use crate::runs::Run;
use crate::session::Session;
use crate::sql::SqlError;
use crate::time::Timestamp;
use crate::uploads::Upload;
use crate::upstream::gate::Gate;
use crate::workspace::Workspace;
use std::time::Duration;
use wasm_bindgen::prelude::wasm_bindgen;
use worker::{
    DurableObject, Env, Request, Response, Result, ScheduledTime, State, WebSocketIncomingMessage,
    WebSocketPair, durable_object,
};

/// What an object owns, seen through the runtime's `ctx`.
struct Owned<'a>(&'a State);

impl Storage for Owned<'_> {
    type Sql = SqlStorage;

    fn transact<T>(
        &self,
        work: impl FnOnce(&SqlStorage) -> std::result::Result<T, SqlError>,
    ) -> std::result::Result<T, SqlError> {
        sql::transact(self.0.storage().as_raw(), work)
    }

    async fn set_alarm(&self, at: Timestamp) -> std::result::Result<(), Unavailable> {
        // In the past means now; the runtime refuses times before the epoch.
        let wait = at.0.saturating_sub(js_sys::Date::now() as i64).max(0);
        let at = ScheduledTime::from(Duration::from_millis(u64::try_from(wait).unwrap_or(0)));
        self.0.storage().set_alarm(at).await.map_err(unavailable)
    }

    async fn has_alarm(&self) -> std::result::Result<bool, Unavailable> {
        self.0.storage().get_alarm().await.map(|at| at.is_some()).map_err(unavailable)
    }

    async fn delete_all(&self) -> std::result::Result<(), Unavailable> {
        self.0.storage().delete_alarm().await.map_err(unavailable)?;
        self.0.storage().delete_all().await.map_err(unavailable)
    }

    fn push(&self, event: &str) {
        for socket in self.0.get_websockets() {
            // A socket that is gone has its close event under way.
            let _ = socket.send_with_str(event);
        }
    }

    fn hang_up(&self) {
        for socket in self.0.get_websockets() {
            let _ = socket.close(Some(1000), Some("superseded"));
        }
    }
}

async fn handle<E: Entity>(state: &State, env: &Env, mut request: Request) -> Result<Response> {
    let platform = platform(env)?;
    if request.headers().get("upgrade")?.is_some() {
        return attach::<E>(state, &request);
    }
    let command = serde_json::from_str(&request.text().await?)?;
    match E::handle(&platform, &Owned(state), command).await {
        Ok(reply) => Response::ok(serde_json::to_string(&reply)?),
        Err(reason) => Response::error(reason.0, 503),
    }
}

/// A new listener: what it missed first, then whatever is pushed.
fn attach<E: Entity>(state: &State, request: &Request) -> Result<Response> {
    let after = request.headers().get(AFTER_HEADER)?;
    let missed = Owned(state)
        .transact(|sql| E::backlog(sql, after.as_deref()))
        .map_err(|error| worker::Error::from(error.0))?;
    let pair = WebSocketPair::new()?;
    state.accept_web_socket(&pair.server);
    for event in missed {
        pair.server.send_with_str(event)?;
    }
    Response::from_websocket(pair.client)
}

async fn wake<E: Entity>(state: &State, env: &Env) -> Result<Response> {
    let platform = platform(env)?;
    if let Err(reason) = E::wake(&platform, &Owned(state)).await {
        platform.log(
            Level::Error,
            "object.alarm_failed",
            serde_json::json!({ "object": E::BINDING, "reason": reason.0 }),
        );
        // The runtime rings again, with back-off, for as long as the handler fails.
        return Err(reason.0.into());
    }
    Response::empty()
}

fn platform(env: &Env) -> Result<Workers> {
    let config = super::config(env).map_err(worker::Error::from)?;
    Ok(Workers::new(env.clone(), config))
}

macro_rules! objects {
    ($($class:ident: $entity:ty,)*) => {$(
        #[durable_object]
        pub struct $class {
            state: State,
            env: Env,
        }

        impl DurableObject for $class {
            fn new(state: State, env: Env) -> Self {
                Self { state, env }
            }

            async fn fetch(&self, request: Request) -> Result<Response> {
                handle::<$entity>(&self.state, &self.env, request).await
            }

            async fn alarm(&self) -> Result<Response> {
                wake::<$entity>(&self.state, &self.env).await
            }

            async fn websocket_message(&self, _: worker::WebSocket, _: WebSocketIncomingMessage) -> Result<()> {
                Ok(())
            }

            async fn websocket_close(&self, socket: worker::WebSocket, code: usize, _: String, _: bool) -> Result<()> {
                let _ = socket.close(u16::try_from(code).ok().filter(|code| *code == 1000), None::<&str>);
                Ok(())
            }

            async fn websocket_error(&self, _: worker::WebSocket, _: worker::Error) -> Result<()> {
                Ok(())
            }
        }
    )*};
}

objects! {
    AccountObject: Account,
    WorkspaceObject: Workspace,
    RunObject: Run,
    SessionObject: Session,
    ClientsObject: Clients,
    UploadObject: Upload,
    GateObject: Gate,
}
