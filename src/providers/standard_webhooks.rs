//! Signatures after the Standard Webhooks specification (standardwebhooks.com): HMAC-SHA-256 over id, time and body, with a
//! secret that sender and receiver share.
//! Not for: its asymmetric form (`v1a`), which no provider of ours uses.

use crate::crypto;
use crate::http::Headers;
use crate::providers::adapter::Distrust;
use crate::time::Timestamp;

/// Either way; the specification's own library takes as much.
const TOLERANCE_SECONDS: i64 = 300;
/// A sender signs once for each secret of a rotation.
const MAX_SIGNATURES: usize = 8;
const PREFIX: &str = "whsec_";

/// The message's id, which is the same for every repetition.
pub fn verify(headers: &Headers, body: &str, now: Timestamp, secret: &str) -> Result<String, Distrust> {
    let id = headers.get("webhook-id").filter(|id| !id.is_empty()).ok_or(Distrust::Malformed)?;
    let timestamp = headers.get("webhook-timestamp").ok_or(Distrust::Malformed)?;
    let signatures = headers.get("webhook-signature").ok_or(Distrust::Malformed)?;
    let sent: i64 = timestamp.parse().map_err(|_| Distrust::Malformed)?;
    if now.seconds().abs_diff(sent) > TOLERANCE_SECONDS.unsigned_abs() {
        return Err(Distrust::Stale);
    }
    let key =
        crypto::from_base64(secret.strip_prefix(PREFIX).unwrap_or(secret)).filter(|key| !key.is_empty());
    let key = key.ok_or(Distrust::Unsigned)?;
    let expected = crypto::hmac_sha256(&key, format!("{id}.{timestamp}.{body}").as_bytes());
    let given = signatures.split(' ').take(MAX_SIGNATURES).filter_map(|one| one.strip_prefix("v1,"));
    let is_ours = given.filter_map(crypto::from_base64).any(|given| crypto::same(&given, &expected));
    is_ours.then(|| id.to_owned()).ok_or(Distrust::Unsigned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const BODY: &str = "{\"test\": 2432232314}";
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const SENT: i64 = 1_614_265_330;

    fn heard(signature: &str, body: &str, late: i64) -> Result<String, Distrust> {
        let lines = format!(
            "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek\nwebhook-timestamp: {SENT}\nwebhook-signature: {signature}"
        );
        verify(&Headers::from_lines(lines), body, Timestamp((SENT + late) * 1000), SECRET)
    }

    /// The specification's own example.
    #[test]
    fn the_published_vector_is_believed_and_nothing_that_differs_from_it() {
        assert_eq!(heard(SIGNATURE, BODY, 0).as_deref(), Ok("msg_p5jXN8AQM9LWM0D4loKWxJek"));
        let rotated = format!("v1,bm90aGluZw== v1a,{} {SIGNATURE}", "A".repeat(86));
        assert!(heard(&rotated, BODY, 300).is_ok());
        assert_eq!(heard(SIGNATURE, "{\"test\": 2432232315}", 0), Err(Distrust::Unsigned));
        assert_eq!(heard(SIGNATURE, BODY, 301), Err(Distrust::Stale));
        assert_eq!(heard(SIGNATURE, BODY, -301), Err(Distrust::Stale));
        assert_eq!(heard("", BODY, 0), Err(Distrust::Unsigned));
        assert_eq!(heard("v1,", BODY, 0), Err(Distrust::Unsigned));
        assert_eq!(verify(&Headers::default(), BODY, Timestamp(0), SECRET), Err(Distrust::Malformed));
        let empty = verify(
            &Headers::from_lines("webhook-id: a\nwebhook-timestamp: 0\nwebhook-signature: v1,x".into()),
            BODY,
            Timestamp(0),
            "whsec_",
        );
        assert_eq!(empty, Err(Distrust::Unsigned), "an empty secret signs nothing");
    }
}
