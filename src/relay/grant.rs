//! Bearer tokens by the refresh-token grant, RFC 6749 section 6, and where they are kept until they expire.
//!
//! A token is kept in one file, 0600, in the directory that the settings name. It is for that refresh token only:
//! when a person puts another one into its file, what was kept counts no longer. Some endpoints give out a new
//! refresh token each time (Microsoft); it is kept beside the access token and used from then on.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use openssl::sha::sha256;
use serde::{Deserialize, Serialize, Serializer};
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::password::guarded_line;
use super::provider;
use super::token_endpoint::{Response, TokenEndpoint, post};
use super::{CredentialsError, Secret, Smarthost};
use crate::outcome::clean;

/// A token that is about to expire is not used any more, in seconds.
const MARGIN: u64 = 60;
/// What a token is worth whose endpoint does not say, in seconds.
const SHORT_LIFE: u64 = 300;

/// Endpoints of well-known providers.
const ENDPOINTS: &[(&str, &str)] = &[
    ("gmail", "https://oauth2.googleapis.com/token"),
    ("office365", "https://login.microsoftonline.com/common/oauth2/v2.0/token"),
    ("outlook", "https://login.microsoftonline.com/common/oauth2/v2.0/token"),
    ("yahoo", "https://api.login.yahoo.com/oauth2/get_token"),
];

/// An access token, and whether it was kept from before: then it may have been revoked since.
pub(super) struct Access {
    pub(super) token: Secret,
    pub(super) is_kept: bool,
}

/// What is kept.
#[derive(Deserialize, Serialize)]
struct Kept {
    #[serde(serialize_with = "revealed")]
    access: Secret,
    /// In Unix time.
    expires: u64,
    #[serde(serialize_with = "revealed")]
    refresh: Secret,
    /// Which refresh token of the settings it came from.
    origin: String,
}

/// What an endpoint gives, RFC 6749 section 5.1.
#[derive(Deserialize)]
struct Given {
    access_token: Secret,
    expires_in: Option<u64>,
    refresh_token: Option<Secret>,
}

/// Why it gives nothing, RFC 6749 section 5.2.
#[derive(Deserialize)]
struct Refusal {
    error: String,
    #[serde(default)]
    error_description: String,
}

/// The token that is kept, if it is good for a while, else a new one.
pub(super) fn access(smarthost: &Smarthost, tokens: Option<&Path>) -> Result<Access, CredentialsError> {
    let (refresh, origin) = refresh_token(smarthost)?;
    let file = tokens.map(|directory| file(directory, smarthost));
    let kept = file.as_deref().and_then(kept).filter(|kept| kept.origin == origin);
    match kept {
        Some(kept) if kept.expires > now() + MARGIN => Ok(Access { token: kept.access, is_kept: true }),
        Some(kept) => ask(smarthost, kept.refresh, origin, file.as_deref()),
        None => ask(smarthost, refresh, origin, file.as_deref()),
    }
}

/// A new token, since the one that was kept is refused.
pub(super) fn renew(smarthost: &Smarthost, tokens: Option<&Path>) -> Result<Access, CredentialsError> {
    let (refresh, origin) = refresh_token(smarthost)?;
    let file = tokens.map(|directory| file(directory, smarthost));
    let kept = file.as_deref().and_then(kept).filter(|kept| kept.origin == origin);
    ask(smarthost, kept.map_or(refresh, |kept| kept.refresh), origin, file.as_deref())
}

/// What is needed to ask for a token lies on this machine; nobody is asked.
pub(super) fn look(smarthost: &Smarthost) -> Result<(), CredentialsError> {
    refresh_token(smarthost)?;
    endpoint(smarthost)?;
    client(smarthost).map(drop)
}

fn refresh_token(smarthost: &Smarthost) -> Result<(Secret, String), CredentialsError> {
    let path = smarthost.refresh_token_file.as_deref().ok_or_else(|| setting("is not set: set it"))?;
    let token = guarded_line("refresh-token-file", path)?;
    let origin = hex(&sha256(token.reveal().as_bytes()));
    Ok((token, origin))
}

fn ask(
    smarthost: &Smarthost,
    refresh: Secret,
    origin: String,
    file: Option<&Path>,
) -> Result<Access, CredentialsError> {
    let endpoint = endpoint(smarthost)?;
    let (client, client_secret) = client(smarthost)?;
    let response = post(&endpoint, &form(&refresh, client, client_secret.as_ref()), smarthost)
        .map_err(|why| CredentialsError::TokenEndpoint { endpoint: endpoint.to_string(), why })?;
    let given = given(&endpoint, &response)?;
    let expires = now().saturating_add(given.expires_in.unwrap_or(SHORT_LIFE));
    let refresh = given.refresh_token.filter(|token| !token.reveal().is_empty()).unwrap_or(refresh);
    let kept = Kept { access: given.access_token, expires, refresh, origin };
    if let Some(file) = file
        && let Err(error) = keep(file, &kept)
    {
        // It costs one more request; where the provider gives a new refresh token each time, a person has to authorize anew.
        log::warn!("the token of {smarthost} cannot be kept: {error}");
    }
    Ok(Access { token: kept.access, is_kept: false })
}

/// What is posted, RFC 6749 section 6.
fn form(refresh: &Secret, client: &str, client_secret: Option<&Secret>) -> Zeroizing<String> {
    let mut pairs = vec![("grant_type", "refresh_token"), ("refresh_token", refresh.reveal()), ("client_id", client)];
    pairs.extend(client_secret.map(|secret| ("client_secret", secret.reveal())));
    // Each octet becomes three at the most: a text that grows would leave copies behind.
    let room = pairs.iter().map(|(name, value)| name.len() + 3 * value.len() + 2).sum();
    let mut form = form_urlencoded::Serializer::new(String::with_capacity(room));
    Zeroizing::new(form.extend_pairs(pairs).finish())
}

/// Who we are for the endpoint, and the secret of that where there is one.
fn client(smarthost: &Smarthost) -> Result<(&str, Option<Secret>), CredentialsError> {
    let client = smarthost.client_id.as_deref().ok_or_else(|| setting("client-id is not set: set it"))?;
    let path = smarthost.client_secret_file.as_deref();
    Ok((client, path.map(|path| guarded_line("client-secret-file", path)).transpose()?))
}

fn endpoint(smarthost: &Smarthost) -> Result<TokenEndpoint, CredentialsError> {
    if let Some(endpoint) = &smarthost.token_endpoint {
        return Ok(endpoint.clone());
    }
    let name = provider::of_host(smarthost.bare_host()).map(|provider| provider.name);
    let known = ENDPOINTS.iter().find(|(of, _)| Some(*of) == name);
    known.and_then(|(_, url)| TokenEndpoint::parse(url).ok()).ok_or_else(|| {
        setting("token-endpoint is not set, and none is known for this host: set it to the provider's https:// URL")
    })
}

fn given(endpoint: &TokenEndpoint, response: &Response) -> Result<Given, CredentialsError> {
    let of_endpoint = |why: String| CredentialsError::TokenEndpoint { endpoint: endpoint.to_string(), why };
    match response.status {
        200 => serde_json::from_slice::<Given>(&response.body)
            .ok()
            .filter(|given| !given.access_token.reveal().is_empty())
            .ok_or_else(|| of_endpoint("the answer holds no access token: check token-endpoint".to_owned())),
        400 | 401 => {
            let Ok(refusal) = serde_json::from_slice::<Refusal>(&response.body) else {
                return Err(of_endpoint(format!("HTTP status {}", response.status)));
            };
            let what = match refusal.error.as_str() {
                "invalid_client" | "unauthorized_client" => "check client-id and client-secret-file",
                _ => "authorize this machine anew, and put the new refresh token into refresh-token-file",
            };
            let said: String = clean(&refusal.error_description).chars().take(200).collect();
            Err(setting(&format!("{endpoint} refuses ({}: {said}): {what}", clean(&refusal.error))))
        }
        status => Err(of_endpoint(format!("HTTP status {status}"))),
    }
}

fn setting(why: &str) -> CredentialsError {
    CredentialsError::Grant { why: why.to_owned() }
}

/// One file for each account at each host: `relay.token-`, and sixteen digits.
fn file(directory: &Path, smarthost: &Smarthost) -> PathBuf {
    let client = smarthost.client_id.as_deref().unwrap_or_default();
    let whose = format!("{}\0{}\0{client}", smarthost.host, smarthost.user.as_deref().unwrap_or_default());
    let digits = hex(&sha256(whose.as_bytes()));
    directory.join(format!("relay.token-{}", &digits[..16]))
}

fn kept(file: &Path) -> Option<Kept> {
    serde_json::from_slice(&Zeroizing::new(fs::read(file).ok()?)).ok()
}

fn keep(path: &Path, kept: &Kept) -> io::Result<()> {
    let new = path.with_added_extension(format!("{}.new", std::process::id()));
    let written = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(&text(kept)?)?;
        // The refresh token before it may be worth nothing any more.
        file.sync_data()?;
        fs::rename(&new, path)
    };
    written().inspect_err(|_| {
        let _ = fs::remove_file(&new);
    })
}

/// What the file holds.
fn text(kept: &Kept) -> io::Result<Zeroizing<Vec<u8>>> {
    let secrets = kept.access.reveal().len() + kept.refresh.reveal().len();
    // Each octet becomes six at the most (RFC 8259 section 7); the rest is names, digits and marks.
    let mut text = Zeroizing::new(Vec::with_capacity(6 * secrets + kept.origin.len() + 128));
    serde_json::to_writer(&mut *text, kept)?;
    Ok(text)
}

fn revealed<S: Serializer>(secret: &Secret, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(secret.reveal())
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use zeroize::ZeroizeOnDrop;

    use super::*;

    fn answered(status: u16, body: &str) -> Result<Given, String> {
        let endpoint = TokenEndpoint::parse("https://login.example.com/token").unwrap();
        given(&endpoint, &Response { status, body: body.as_bytes().to_vec().into() }).map_err(|error| error.to_string())
    }

    #[test]
    fn refusals_say_what_to_do() {
        let refused = |status, body| answered(status, body).err().unwrap();
        let revoked =
            refused(400, r#"{"error":"invalid_grant","error_description":"Token has been expired or revoked."}"#);
        assert!(
            revoked.contains("login.example.com refuses (invalid_grant: Token has been") && revoked.contains("anew")
        );
        assert!(refused(401, r#"{"error":"invalid_client"}"#).contains("check client-id"));
        assert!(refused(503, "busy").contains("HTTP status 503"));
        assert!(refused(400, "<html>").contains("HTTP status 400"));
        assert!(refused(200, "{}").contains("no access token"));
        assert!(refused(200, r#"{"access_token":""}"#).contains("no access token"));
    }

    #[test]
    fn answer_needs_no_more_than_a_token() {
        let given = answered(200, r#"{"access_token":"a","token_type":"Bearer"}"#).unwrap();
        assert_eq!((given.access_token.reveal(), given.expires_in), ("a", None));
    }

    #[test]
    fn endpoints_of_well_known_providers_are_known() {
        for (host, there) in
            [("smtp.gmail.com", "oauth2.googleapis.com"), ("smtp.office365.com", "login.microsoftonline.com")]
        {
            assert_eq!(endpoint(&Smarthost::new(host)).unwrap().to_string(), there);
        }
        assert!(endpoint(&Smarthost::new("smtp.example.com")).is_err());
        assert!(
            ENDPOINTS.iter().all(|(name, url)| provider::find(name).is_some() && TokenEndpoint::parse(url).is_ok())
        );
    }

    #[test]
    fn kept_token_is_for_its_owner_only_and_reads_back() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let smarthost = Smarthost::new("a");
        let path = file(directory.path(), &smarthost);
        let secret = |text: &str| Secret::from(text.to_owned());
        let tokens = |access| Kept { access: secret(access), expires: 7, refresh: secret("r"), origin: "o".into() };
        for access in ["one", "two"] {
            keep(&path, &tokens(access)).unwrap();
            assert_eq!(kept(&path).unwrap().access.reveal(), access);
        }
        let files: Vec<_> = fs::read_dir(directory.path()).unwrap().flatten().collect();
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let other = Smarthost { user: Some("else".to_owned()), ..smarthost };
        assert!(kept(&file(directory.path(), &other)).is_none());
    }

    #[test]
    fn what_carries_a_secret_is_wiped_and_has_not_grown() {
        let is_wiped = |_: &dyn ZeroizeOnDrop| {};
        // All of it has to be escaped.
        let secret = || Secret::from("\u{1}".repeat(5000));
        let form = form(&secret(), "me", Some(&secret()));
        is_wiped(&form);
        assert!(form.starts_with("grant_type=refresh_token&refresh_token=%01%01"), "{}", &form[..60]);
        assert!(form.ends_with("%01") && form.contains("&client_id=me&client_secret=%01"));
        let (names, values) =
            ("grant_typerefresh_tokenclient_idclient_secret".len(), "refresh_tokenme".len() + 2 * 5000);
        assert_eq!(form.capacity(), names + 3 * values + 4 * "=&".len());
        let kept = Kept { access: secret(), expires: u64::MAX, refresh: secret(), origin: "o".repeat(64) };
        let text = text(&kept).unwrap();
        is_wiped(&text);
        assert_eq!(text.capacity(), 2 * 6 * 5000 + 64 + 128);
    }
}
