//! Every refusal the gateway can give a person or a model: one code, one sentence, one next step.
//! Not for: JSON-RPC protocol errors (`mcp::message::RpcError`) or faults of the platform (`Unavailable`).

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

macro_rules! codes {
    ($($name:ident = $wire:literal, $status:literal, $retryable:literal, $next:literal;)*) => {
        /// The stable codes, their HTTP status and what the reader should do next when the place that
        /// refuses knows nothing better.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Code {
            $(#[serde(rename = $wire)] $name,)*
        }

        impl Code {
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $wire,)* }
            }

            /// The status of a REST answer; a tool's refusal travels in HTTP 200.
            pub fn http_status(self) -> u16 {
                match self { $(Code::$name => $status,)* }
            }

            pub fn retryable(self) -> bool {
                match self { $(Code::$name => $retryable,)* }
            }

            pub fn next_step(self) -> &'static str {
                match self { $(Code::$name => $next,)* }
            }
        }
    };
}

codes! {
    Unauthenticated = "UNAUTHENTICATED", 401, false, "Connect again with a valid token.";
    Forbidden = "FORBIDDEN", 403, false, "Ask an owner of the workspace for access.";
    InsufficientBalance = "INSUFFICIENT_BALANCE", 402, false, "Choose a cheaper model or fewer outputs, or ask an owner to grant more units.";
    BudgetExceeded = "BUDGET_EXCEEDED", 402, false, "Ask for less, wait for the next day or month, or ask an owner to raise it.";
    RateLimited = "RATE_LIMITED", 429, true, "Wait for a run to finish, then try again.";
    WorkspaceNotFound = "WORKSPACE_NOT_FOUND", 404, false, "Call list_workspaces and use one of its workspace_id values.";
    ModelNotFound = "MODEL_NOT_FOUND", 404, false, "Call list_models and use one of its model_id values.";
    WorkflowNotFound = "WORKFLOW_NOT_FOUND", 404, false, "Call list_workflows and use one of its workflow_id values.";
    RunNotFound = "RUN_NOT_FOUND", 404, false, "Use an id that execute_forge, execute_workflow or list_runs returned.";
    InvalidInputs = "INVALID_INPUTS", 400, false, "Correct the named field and call again.";
    RunAlreadyTerminal = "RUN_ALREADY_TERMINAL", 409, false, "Nothing is left to cancel; read it with get_forge_run.";
    IdempotencyConflict = "IDEMPOTENCY_CONFLICT", 409, false, "Use a new idempotency_key for a different request.";
    PriceAboveLimit = "PRICE_ABOVE_LIMIT", 400, false, "Raise max_price_creative_units or make the request smaller.";
    VersionConflict = "VERSION_CONFLICT", 409, false, "Read it again with get_workflow, apply the change to that version and save it.";
    Declined = "DECLINED", 409, false, "Ask the person what to change; do not repeat the call unchanged.";
    FileNotFound = "FILE_NOT_FOUND", 404, false, "Use an asset_id of this workspace, from list_media or get_forge_run.";
    StorageFull = "STORAGE_FULL", 507, false, "Delete files that are no longer needed on the workspace's media page, or ask an owner to.";
    UploadFailed = "UPLOAD_FAILED", 400, false, "Correct what the message names and upload it again.";
    UploadConflict = "UPLOAD_CONFLICT", 409, false, "Ask for a new upload URL for a different file.";
    FileNotReady = "FILE_NOT_READY", 409, true, "Wait for get_upload_status to say stored.";
    SessionNotFound = "SESSION_NOT_FOUND", 404, false, "Use the id or URL of an upload of yours, or begin a new one.";
    SessionExpired = "SESSION_EXPIRED", 410, false, "Begin a new upload.";
    IncompleteUpload = "INCOMPLETE_UPLOAD", 409, true, "Send what is missing and finish again.";
    ChecksumMismatch = "CHECKSUM_MISMATCH", 400, true, "Send the file again; if that fails too, compute its SHA-256 again.";
    FileTooLarge = "FILE_TOO_LARGE", 413, false, "Use a smaller file.";
    ProviderFailed = "PROVIDER_FAILED", 502, true, "Run it again, or choose another model.";
    OutcomeUnknown = "OUTCOME_UNKNOWN", 502, false, "Nothing was charged here, but the provider may have made it and bill it; ask the person before running it again.";
    Moderated = "MODERATED", 422, false, "Change the prompt; running the same one again gives the same refusal.";
    Internal = "INTERNAL", 500, true, "Try again in a moment; quote the request id if it persists.";
}

/// A refusal. As a tool result it is `isError` with the first line `CODE: message Next: next`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refusal {
    pub code: Code,
    /// One sentence saying what happened, ending in a full stop.
    pub message: String,
    /// What to do next, when better than the code's own advice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
}

impl Refusal {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), next: None, retry_after_seconds: None, details: None }
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidInputs, message)
    }

    pub fn next(mut self, step: impl Into<String>) -> Self {
        self.next = Some(step.into());
        self
    }

    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    pub fn details(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }

    pub fn next_step(&self) -> &str {
        self.next.as_deref().unwrap_or(self.code.next_step())
    }

    /// `CODE: what happened. Next: what to do.`
    pub fn line(&self) -> String {
        format!("{}: {} Next: {}", self.code.as_str(), self.message, self.next_step())
    }

    /// The envelope that REST answers and tool results share.
    pub fn envelope(&self, request_id: &str) -> Value {
        json!({ "error": self.body(request_id) })
    }

    /// What stands in the envelope.
    pub fn body(&self, request_id: &str) -> Value {
        let mut error = json!({
            "code": self.code.as_str(),
            "message": self.message,
            "next": self.next_step(),
            "retryable": self.code.retryable(),
            "request_id": request_id,
        });
        if let Some(error) = error.as_object_mut() {
            self.retry_after_seconds
                .map(|seconds| error.insert("retry_after_seconds".into(), seconds.into()));
            self.details.clone().map(|details| error.insert("details".into(), details));
        }
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_what_happened_and_what_to_do() {
        let refusal = Refusal::new(Code::ModelNotFound, "No model is called `x`.");
        assert_eq!(
            refusal.line(),
            "MODEL_NOT_FOUND: No model is called `x`. Next: Call list_models and use one of its model_id values."
        );
        assert_eq!(refusal.envelope("r1")["error"]["retryable"], false);
        let limited =
            Refusal::new(Code::RateLimited, "Five run.").retry_after(3).details(json!({"running": []}));
        assert_eq!(limited.envelope("r1")["error"]["retry_after_seconds"], 3);
        assert_eq!(limited.envelope("r1")["error"]["details"]["running"], json!([]));
    }

    #[test]
    fn every_code_says_what_to_do() {
        for code in Code::ALL {
            assert!(code.next_step().ends_with('.'), "{code:?}");
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }
}
