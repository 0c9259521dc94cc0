//! A token of `OAuth2`, fetched when it is first needed and again when the service refuses it.
//!
//! Source: RFC 6749, 4.4 and 2.3.1.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use connect_api::error::{ErrorClass, Result};
use reqwest::{
    Url,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue},
};
use serde_json::Value as Json;
use tokio::sync::Mutex;

use super::{
    Failure,
    failure::{Keys, named, quoted, unreachable},
    kept, place,
};
use crate::{
    settings::{OAuth2, Settings},
    template::encoded,
};

/// Most bytes of an answer: more than any token has.
const MOST_BYTES: usize = 1 << 20;

/// A token, and the header that shows it.
#[derive(Clone, Debug)]
pub(super) struct Token {
    number: u64,
    pub(super) header: HeaderValue,
}

/// Where tokens come from.
#[derive(Debug)]
pub(super) struct TokenSource {
    rules: OAuth2,
    http: reqwest::Client,
    keys: Keys,
    timeout: Duration,
    current: Mutex<Option<Token>>,
}

impl TokenSource {
    pub(super) fn new(rules: OAuth2, http: reqwest::Client, settings: &Settings) -> Self {
        let keys = Keys { url: rules.url_key, ssl_prefix: settings.ssl_prefix };
        Self { rules, http, keys, timeout: settings.request_timeout, current: Mutex::default() }
    }

    /// The token.
    ///
    /// # Errors
    /// None could be had.
    pub(super) async fn current(&self) -> Result<Token, Failure> {
        self.in_time(async {
            let mut current = self.current.lock().await;
            match &*current {
                Some(token) => Ok(token.clone()),
                None => Ok(current.insert(self.fetch(1).await?).clone()),
            }
        })
        .await
    }

    /// Another token than this one, which was refused. Requests that were refused at the same time
    /// share the new one.
    ///
    /// # Errors
    /// None could be had.
    pub(super) async fn renewed(&self, refused: &Token) -> Result<Token, Failure> {
        self.in_time(async {
            let mut current = self.current.lock().await;
            if let Some(token) = current.as_ref().filter(|token| token.number != refused.number) {
                return Ok(token.clone());
            }
            let token = self.fetch(refused.number.wrapping_add(1)).await?;
            Ok(current.insert(token).clone())
        })
        .await
    }

    /// Ends with the time for a request, that for others who fetch the token included.
    async fn in_time(
        &self,
        fetching: impl Future<Output = Result<Token, Failure>>,
    ) -> Result<Token, Failure> {
        let outcome = match tokio::time::timeout(self.timeout, fetching).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => {
                let place = Url::parse(&self.rules.url).map(|url| place(&url)).unwrap_or_default();
                let url = self.keys.url;
                Err(Failure::late(&place, self.timeout)
                    .hint(format!("Check {url} and whether the service is up")))
            }
        };
        outcome.map_err(|failure| failure.within("Could not fetch a token"))
    }

    async fn fetch(&self, number: u64) -> Result<Token, Failure> {
        let rules = &self.rules;
        let url = Url::parse(&rules.url).map_err(|error| {
            let text = format!("What stands in {} is no address", self.keys.url);
            Failure::final_one(ErrorClass::Invalid, text).because(error.to_string())
        })?;
        let place = place(&url);
        let away = |error: reqwest::Error| unreachable(&place, error, self.keys);
        let sending = self.http.post(url).headers(self.headers()?).body(self.form());
        let mut response = sending.send().await.map_err(away)?;
        let status = response.status().as_u16();
        let (body, _is_whole) = kept(&mut response, MOST_BYTES).await.map_err(away)?;
        match status {
            200..=299 => self.token(number, &body, &place),
            _ => Err(self.refusal(status, &body, &place)),
        }
    }

    /// Why an answer gives no token.
    fn refusal(&self, status: u16, body: &[u8], place: &str) -> Failure {
        let (client, url) = (&self.rules.client_id, self.keys.url);
        let sentence =
            format!("{place} gave none to client \"{client}\": it answered {}", named(status));
        let failure = match status {
            408 | 425 | 429 | 500.. => Failure::away(sentence),
            404 | 405 | 410 => Failure::final_one(ErrorClass::NotFound, sentence)
                .hint(format!("Check the path in {url}")),
            400..=499 => Failure::final_one(ErrorClass::Forbidden, sentence)
                .hint(format!("Check oauth2.client.id, oauth2.client.secret and {url}")),
            _ => Failure::final_one(ErrorClass::Invalid, sentence)
                .hint(format!("Give the address that gives out tokens itself in {url}")),
        };
        self.explained(failure, body)
    }

    /// With what an answer says, but for the secret of the client.
    ///
    /// Source: RFC 6749, 5.2.
    fn explained(&self, failure: Failure, body: &[u8]) -> Failure {
        let answer: Option<Json> = serde_json::from_slice(body).ok();
        let part = |name: &str| answer.as_ref().and_then(|answer| answer.get(name)?.as_str());
        let said = match (part("error"), part("error_description")) {
            (Some(error), Some(more)) => format!("{error}: {more}"),
            (Some(text), None) | (None, Some(text)) => text.to_owned(),
            (None, None) => String::from_utf8_lossy(body).into_owned(),
        };
        match quoted(&self.without_secret(&said)) {
            Some(words) => failure.because(words),
            None => failure,
        }
    }

    fn without_secret(&self, text: &str) -> String {
        let secret = self.rules.secret.expose();
        let mut as_field = String::new();
        encoded(&mut as_field, secret.as_bytes());
        let forms = [secret.clone(), as_field, self.pair()];
        let forms = forms.iter().filter(|form| !form.is_empty());
        forms.fold(text.to_owned(), |text, form| text.replace(form.as_str(), "[hidden]"))
    }

    /// Id and secret as they stand in a header.
    fn pair(&self) -> String {
        STANDARD.encode(format!("{}:{}", self.rules.client_id, self.rules.secret.expose()))
    }

    /// What a token needs, in place of headers of the same names that are configured.
    fn headers(&self) -> Result<HeaderMap, Failure> {
        let rules = &self.rules;
        let mut headers = rules.headers.clone();
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form);
        if rules.is_in_header {
            let mut value =
                HeaderValue::from_str(&format!("Basic {}", self.pair())).map_err(|_never| {
                    let text = "Id and secret of the client make no header".to_owned();
                    Failure::final_one(ErrorClass::Invalid, text)
                })?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        Ok(headers)
    }

    fn form(&self) -> String {
        let rules = &self.rules;
        let mut fields: Vec<(&str, &str)> =
            rules.form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        if !rules.is_in_header {
            fields.push((&rules.names.0, &rules.client_id));
            fields.push((&rules.names.1, rules.secret.expose()));
        }
        let mut out = String::new();
        for (name, value) in fields {
            if !out.is_empty() {
                out.push('&');
            }
            encoded(&mut out, name.as_bytes());
            out.push('=');
            encoded(&mut out, value.as_bytes());
        }
        out
    }

    fn token(&self, number: u64, body: &[u8], place: &str) -> Result<Token, Failure> {
        let property = &self.rules.property;
        let answer: Option<Json> = serde_json::from_slice(body).ok();
        let token = answer.as_ref().and_then(|answer| answer.get(property)?.as_str());
        let header = token.and_then(|token| HeaderValue::from_str(&format!("Bearer {token}")).ok());
        let mut header = header.ok_or_else(|| {
            let text = format!("The answer of {place} has no token under \"{property}\"");
            let (url, key) = (self.keys.url, self.rules.property_key);
            let failure = Failure::final_one(ErrorClass::Invalid, text)
                .hint(format!("Name the property that holds it in {key}, and check {url}"));
            // What says that it failed may be quoted; anything else may be the token.
            match answer.as_ref().is_some_and(|answer| answer["error"].is_string()) {
                true => self.explained(failure, body),
                false => failure,
            }
        })?;
        header.set_sensitive(true);
        Ok(Token { number, header })
    }
}
