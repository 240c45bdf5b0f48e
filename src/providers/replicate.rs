//! `replicate`: predictions, with signed callbacks.

use super::adapter::{Adapter, Call, Check, Class, Failure, FileForm, Progress, Submitted};
use super::{Kind, Provider};

pub const PROVIDER: Provider = Provider { name: "replicate", title: "Replicate", models: &[], kind: Kind::Remote(ADAPTER) };

const ADAPTER: Adapter = Adapter {
    home: "https://api.replicate.com/v1",
    key_hosts: &[],
    file_hosts: &[],
    authorize: |key| ("authorization", format!("Bearer {key}")),
    needs_key: true,
    files: FileForm::Url,
    plan: |_| Err(Failure::new(Class::Unavailable, "Not there yet.")),
    read_submit: |_, _| Submitted::Unknown(String::new()),
    poll: |site, _| Call::get(site.at("https://api.replicate.com/v1")),
    read_status: |_, _, _| Progress::Unclear(String::new()),
    cancel: None,
    find: None,
    callback: None,
    check: Check { plan: |site| Call::get(site.at("https://api.replicate.com/v1")), read: |_| Ok(String::new()) },
    keeps_outputs_seconds: 3600,
    concurrency: 8,
    first_poll_millis: 2_000,
    blacks_out: false,
};
