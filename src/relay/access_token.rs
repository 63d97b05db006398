//! Access tokens by the refresh-token grant, RFC 6749 section 6. A token is used until it expires (`kept_token`).
//!
//! Some endpoints give a new refresh token with each access token (Microsoft). It is kept with the access token, and
//! used from then on.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::kept_token::{self, KeptToken};
use super::provider;
use super::redaction::Redaction;
use super::secret_file::guarded_line;
use super::token_request::{Response, post};
use super::{CredentialsError, Secret, Smarthost, TokenEndpoint};
use crate::outcome::clean;

/// In seconds: a token that expires sooner is not used any more.
const MARGIN: u64 = 60;
/// In seconds: how long a token is used whose endpoint does not say when it expires.
const SHORT_LIFE: u64 = 300;

/// Endpoints of well-known providers.
const ENDPOINTS: &[(&str, &str)] = &[
    ("gmail", "https://oauth2.googleapis.com/token"),
    ("office365", "https://login.microsoftonline.com/common/oauth2/v2.0/token"),
    ("outlook", "https://login.microsoftonline.com/common/oauth2/v2.0/token"),
    ("yahoo", "https://api.login.yahoo.com/oauth2/get_token"),
];

/// An access token.
pub(super) struct AccessToken {
    pub(super) secret: Secret,
    /// An earlier run has kept it. It may have been revoked since.
    pub(super) is_kept: bool,
}

/// The response of an endpoint, RFC 6749 section 5.1.
#[derive(Deserialize)]
struct Given {
    access_token: Secret,
    /// In seconds.
    expires_in: Option<u64>,
    refresh_token: Option<Secret>,
}

/// The response of an endpoint that gives no token, RFC 6749 section 5.2.
#[derive(Deserialize)]
struct Refusal {
    error: String,
    #[serde(default)]
    error_description: String,
}

/// The token that is kept in the directory `tokens`, if it does not expire soon, or else a new one.
pub(super) fn obtain(smarthost: &Smarthost, tokens: Option<&Path>) -> Result<AccessToken, CredentialsError> {
    let refresh = refresh_token(smarthost)?;
    let file = tokens.map(|directory| kept_token::file(directory, smarthost));
    match kept(file.as_deref(), &refresh) {
        Some(kept) if kept.expires > now() + MARGIN => Ok(AccessToken { secret: kept.access, is_kept: true }),
        kept => request(smarthost, &refresh, kept, file.as_deref()),
    }
}

/// A new token, since the server refuses the one that was kept.
pub(super) fn renew(smarthost: &Smarthost, tokens: Option<&Path>) -> Result<AccessToken, CredentialsError> {
    let refresh = refresh_token(smarthost)?;
    let file = tokens.map(|directory| kept_token::file(directory, smarthost));
    let kept = kept(file.as_deref(), &refresh);
    request(smarthost, &refresh, kept, file.as_deref())
}

/// Makes sure that whatever a request for a token needs lies on this machine. Nobody is asked.
pub(super) fn check_offline(smarthost: &Smarthost) -> Result<(), CredentialsError> {
    refresh_token(smarthost)?;
    endpoint(smarthost)?;
    oauth_client(smarthost).map(drop)
}

/// The refresh token that the settings name.
fn refresh_token(smarthost: &Smarthost) -> Result<Secret, CredentialsError> {
    let path = smarthost.refresh_token_file.as_deref().ok_or_else(|| wrong("is not set: set it"))?;
    guarded_line("refresh-token-file", path)
}

/// The token that the file keeps, if it came from that refresh token of the settings.
fn kept(file: Option<&Path>, refresh: &Secret) -> Option<KeptToken> {
    KeptToken::read(file?).filter(|kept| kept.origin == kept_token::origin(refresh))
}

/// Asks the endpoint for a token, and keeps it in `file`. The endpoint wants the refresh token that it gave last, or
/// else the one of the settings.
fn request(
    smarthost: &Smarthost,
    refresh: &Secret,
    kept: Option<KeptToken>,
    file: Option<&Path>,
) -> Result<AccessToken, CredentialsError> {
    let latest = kept.map_or_else(|| refresh.clone(), |kept| kept.refresh);
    let endpoint = endpoint(smarthost)?;
    let (id, secret) = oauth_client(smarthost)?;
    let mut mask = Redaction::default();
    [Some(refresh), Some(&latest), secret.as_ref()].into_iter().flatten().for_each(|s| mask.hide_token(s.reveal()));
    let response = post(&endpoint, &form(&latest, id, secret.as_ref()), smarthost)
        .map_err(|why| CredentialsError::TokenEndpoint { endpoint: endpoint.to_string(), why: mask.redact(&why) })?;
    let given = parsed(&endpoint, &response, &mask)?;
    let next = given.refresh_token.filter(|token| !token.reveal().is_empty()).unwrap_or(latest);
    let expires = now().saturating_add(given.expires_in.unwrap_or(SHORT_LIFE));
    let token = KeptToken { access: given.access_token, expires, refresh: next, origin: kept_token::origin(refresh) };
    if let Some(file) = file
        && let Err(error) = token.write(file)
    {
        // The next run makes one more request. If the provider gives a new refresh token each time, a person has to
        // authorize this machine anew.
        log::warn!("the token of {smarthost} cannot be kept: {error}");
    }
    Ok(AccessToken { secret: token.access, is_kept: false })
}

/// The form that is posted, RFC 6749 section 6.
fn form(refresh: &Secret, client: &str, client_secret: Option<&Secret>) -> Zeroizing<String> {
    let mut pairs = vec![("grant_type", "refresh_token"), ("refresh_token", refresh.reveal()), ("client_id", client)];
    pairs.extend(client_secret.map(|secret| ("client_secret", secret.reveal())));
    // Each octet becomes three at most. A text that grows would leave copies of the secrets behind.
    let room = pairs.iter().map(|(name, value)| name.len() + 3 * value.len() + 2).sum();
    let mut form = form_urlencoded::Serializer::new(String::with_capacity(room));
    Zeroizing::new(form.extend_pairs(pairs).finish())
}

/// The client that this machine is for the endpoint (RFC 6749 section 2.2), and its secret if it has one.
fn oauth_client(smarthost: &Smarthost) -> Result<(&str, Option<Secret>), CredentialsError> {
    let id = smarthost.client_id.as_deref().ok_or_else(|| wrong("client-id is not set: set it"))?;
    let path = smarthost.client_secret_file.as_deref();
    Ok((id, path.map(|path| guarded_line("client-secret-file", path)).transpose()?))
}

fn endpoint(smarthost: &Smarthost) -> Result<TokenEndpoint, CredentialsError> {
    if let Some(endpoint) = &smarthost.token_endpoint {
        return Ok(endpoint.clone());
    }
    let name = provider::of_host(smarthost.bare_host()).map(|provider| provider.name);
    let known = ENDPOINTS.iter().find(|(of, _)| Some(*of) == name);
    known.and_then(|(_, url)| TokenEndpoint::parse(url).ok()).ok_or_else(|| {
        wrong("token-endpoint is not set, and none is known for this host: set it to the provider's https:// URL")
    })
}

/// The token in the endpoint's response, or the reason why it gives no token.
fn parsed(endpoint: &TokenEndpoint, response: &Response, mask: &Redaction) -> Result<Given, CredentialsError> {
    let of_endpoint = |why: String| CredentialsError::TokenEndpoint { endpoint: endpoint.to_string(), why };
    match response.status {
        200 => match serde_json::from_slice::<Given>(&response.body) {
            Ok(given) if !given.access_token.reveal().is_empty() => Ok(given),
            _ => Err(of_endpoint("the answer holds no access token: check token-endpoint".to_owned())),
        },
        400 | 401 => match serde_json::from_slice::<Refusal>(&response.body) {
            Ok(refusal) => Err(refused(endpoint, &refusal, mask)),
            Err(_) => Err(of_endpoint(format!("HTTP status {}", response.status))),
        },
        status => Err(of_endpoint(format!("HTTP status {status}"))),
    }
}

/// The sentence about a refusal that lasts until a person does something about it.
fn refused(endpoint: &TokenEndpoint, refusal: &Refusal, mask: &Redaction) -> CredentialsError {
    let cure = match refusal.error.as_str() {
        "invalid_client" | "unauthorized_client" => "check client-id and client-secret-file",
        _ => "authorize this machine anew, and put the new refresh token into refresh-token-file",
    };
    // Foreign words, which may be any length and may quote what we have posted.
    let told = |text: &str| clean(&mask.redact(text)).chars().take(200).collect::<String>();
    let (error, description) = (told(&refusal.error), told(&refusal.error_description));
    wrong(&format!("{endpoint} refuses ({error}: {description}): {cure}"))
}

fn wrong(why: &str) -> CredentialsError {
    CredentialsError::RefreshToken { why: why.to_owned() }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use zeroize::ZeroizeOnDrop;

    use super::*;

    fn answered(status: u16, body: &str) -> Result<Given, String> {
        let endpoint = TokenEndpoint::parse("https://login.example.com/token").unwrap();
        parsed(&endpoint, &Response { status, body: body.as_bytes().to_vec().into() }, &Redaction::default())
            .map_err(|error| error.to_string())
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
    fn form_with_secrets_is_wiped_and_has_not_grown() {
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
    }
}
