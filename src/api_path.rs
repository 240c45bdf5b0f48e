//! Addresses that tools name and others serve. Not for: routing (`router`).

/// The presigned URL, before its token.
pub const UPLOADS: &str = "/api/v1/media/uploads/";
/// The page for a person in a browser, before its token.
pub const UPLOAD_PAGE: &str = "/upload/";
