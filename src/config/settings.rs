//! Every setting in words. Not for: what it may be (`super::Config::parse`).

/// One row a setting: name, secret or not, and what it does. The README's table is made from this.
pub const SETTINGS: &[(&str, bool, &str)] = &[
    (
        "GATEWAY_SECRET",
        true,
        "Required. 32 or more random characters; signs sessions, tokens and asset URLs. Changing it signs everybody out, unless GATEWAY_SECRET_PREVIOUS holds the former one.",
    ),
    (
        "GATEWAY_SECRET_PREVIOUS",
        true,
        "Optional. The former GATEWAY_SECRET while you rotate it: what it signed stays valid, new things are signed with the new one. Remove it after 90 days; personal access tokens made before the change end with it.",
    ),
    (
        "OPERATOR_KEY",
        true,
        "Optional. 32 or more random characters; lets the operator create workspaces and tokens over REST. Unset: that API does not exist.",
    ),
    (
        "PUBLIC_URL",
        false,
        "Optional. The public origin, such as `https://media.example.com`, when it differs from the one requests name.",
    ),
    (
        "ALLOWED_ORIGINS",
        false,
        "Optional. Web origins, separated by commas, whose pages may call `/mcp` from a browser; `*` for any. The gateway's own origin, and on loopback any loopback origin, always may.",
    ),
    (
        "OWNER",
        false,
        "For sign-in. The address of whoever owns the first workspace; several separated by commas.",
    ),
    (
        "SIGN_IN_ALLOW",
        false,
        "For sign-in. Who else may sign in and joins the first workspace: addresses and domains, separated by commas, such as `example.com, ada@example.org`. Anybody else needs an invitation.",
    ),
    (
        "OIDC_ISSUER",
        false,
        "For sign-in by OpenID Connect. The provider's issuer, such as `https://accounts.google.com`; its redirect URI is `/sign-in/oidc/callback` here.",
    ),
    ("OIDC_CLIENT_ID", false, "For sign-in by OpenID Connect. What the provider calls this gateway."),
    ("OIDC_CLIENT_SECRET", true, "For sign-in by OpenID Connect."),
    (
        "OIDC_TRUST_EMAIL",
        false,
        "Optional. `yes` for a provider that vouches for every address but sends no `email_verified` (Microsoft Entra).",
    ),
    (
        "GITHUB_CLIENT_ID",
        false,
        "For sign-in with GitHub. An OAuth app whose callback URL is `/sign-in/github/callback` here.",
    ),
    ("GITHUB_CLIENT_SECRET", true, "For sign-in with GitHub."),
    (
        "OAUTH_CLIENTS",
        true,
        "Optional. OAuth clients registered by hand, for those that can do no other: `[{\"client_id\":\"…\",\"client_name\":\"…\",\"redirect_uris\":[\"…\"],\"client_secret\":\"…\"}]`.",
    ),
    (
        "TRUSTED_PROXIES",
        false,
        "Optional. Addresses or CIDR ranges, separated by commas, of proxies whose `X-Forwarded-Host` is believed.",
    ),
    (
        "RATE_LIMIT_PERSONAL",
        false,
        "Optional. Requests one personal access token may make in a minute; 120 if unset, `0` for any number.",
    ),
    (
        "RATE_LIMIT_OAUTH",
        false,
        "Optional. Requests one connected app may make in a minute; 60 if unset, `0` for any number.",
    ),
    (
        "STORAGE_QUOTA_GIGABYTES",
        false,
        "Optional. Gigabytes that the files of one workspace may take up, such as `250` or `0.5`; 100 if unset, `0` for any amount. An upload beyond it is refused; what is generated is always kept and counts.",
    ),
    (
        "UPLOAD_URL_SECONDS",
        false,
        "Optional. Seconds for which a presigned upload URL works; 900 if unset, 86400 at most.",
    ),
    (
        "R2_S3_ENDPOINT",
        false,
        "Optional, with the next three. The S3 address of R2, `https://ACCOUNT.r2.cloudflarestorage.com`: files above 100 MB then go to it in one piece instead of in parts.",
    ),
    ("R2_S3_BUCKET", false, "For S3 uploads. The bucket that is bound as MEDIA: `atelier-media`."),
    ("R2_ACCESS_KEY_ID", true, "For S3 uploads. Of an R2 API token that may write objects of this bucket."),
    ("R2_SECRET_ACCESS_KEY", true, "For S3 uploads."),
    ("FAL_KEY", true, "For fal. A key of https://fal.ai/dashboard/keys; its models are then listed."),
    (
        "FAL_USER_ID",
        false,
        "Optional, for fal. Your user id there, as its callbacks name it in `X-Fal-Webhook-User-Id`: callbacks signed for other accounts are then refused.",
    ),
    ("FAL_URL", false, "Optional. Where fal is reached instead of `https://queue.fal.run`, such as a proxy."),
    ("REPLICATE_API_TOKEN", true, "For Replicate. A token of https://replicate.com/account/api-tokens."),
    (
        "REPLICATE_WEBHOOK_SECRET",
        true,
        "Optional, for Replicate. What its callbacks are signed with; asked for with the token if unset.",
    ),
    (
        "REPLICATE_URL",
        false,
        "Optional. Where Replicate is reached instead of `https://api.replicate.com/v1`.",
    ),
    ("OPENAI_API_KEY", true, "For OpenAI's image models."),
    ("OPENAI_URL", false, "Optional. Where OpenAI is reached instead of `https://api.openai.com/v1`."),
    (
        "OPENAI_COMPATIBLE_URL",
        false,
        "For a server of your own that speaks OpenAI's API (LocalAI, stable-diffusion.cpp): its address with `/v1`. May be a private one; then the gateway must be able to reach it.",
    ),
    ("OPENAI_COMPATIBLE_KEY", true, "Optional. The key of that server."),
    ("ELEVENLABS_API_KEY", true, "For ElevenLabs' speech, sound effects and music."),
    (
        "ELEVENLABS_URL",
        false,
        "Optional. Where ElevenLabs is reached instead of `https://api.elevenlabs.io`.",
    ),
    ("WORKERS_AI", false, "`yes` for Cloudflare's own models; needs the binding `AI` in wrangler.toml."),
    (
        "CREATIVE_UNITS_PER_DOLLAR",
        false,
        "Optional. What a dollar of a provider's list price costs in Creative Units; 100 if unset.",
    ),
    ("PROVIDER_CONCURRENCY", false, "Optional. Jobs at once, by provider: `fal=10, elevenlabs=2`."),
    (
        "WORKSPACE_PROVIDER_KEYS",
        false,
        "Optional. `yes` lets owners of a workspace set provider keys of their own for it; they are kept encrypted.",
    ),
    ("MODELS", false, "Optional. Changes and additions to the catalogue as JSON; see Providers below."),
];
