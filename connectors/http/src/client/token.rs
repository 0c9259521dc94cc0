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

use super::{Failure, place};
use crate::{settings::OAuth2, template::encoded};

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
    timeout: Duration,
    current: Mutex<Option<Token>>,
}

impl TokenSource {
    pub(super) fn new(rules: OAuth2, http: reqwest::Client, timeout: Duration) -> Self {
        Self { rules, http, timeout, current: Mutex::default() }
    }

    /// The token.
    ///
    /// # Errors
    /// None could be had.
    pub(super) async fn current(&self) -> Result<Token, Failure> {
        let mut current = self.current.lock().await;
        match &*current {
            Some(token) => Ok(token.clone()),
            None => Ok(current.insert(self.fetch(1).await?).clone()),
        }
    }

    /// Another token than this one, which was refused. Requests that were refused at the same time
    /// share the new one.
    ///
    /// # Errors
    /// None could be had.
    pub(super) async fn renewed(&self, refused: &Token) -> Result<Token, Failure> {
        let mut current = self.current.lock().await;
        if let Some(token) = current.as_ref().filter(|token| token.number != refused.number) {
            return Ok(token.clone());
        }
        let token = self.fetch(refused.number.wrapping_add(1)).await?;
        Ok(current.insert(token).clone())
    }

    async fn fetch(&self, number: u64) -> Result<Token, Failure> {
        let rules = &self.rules;
        let url = Url::parse(&rules.url).map_err(|error| {
            let text = "The address that gives out tokens is none".to_owned();
            Failure::final_one(ErrorClass::Invalid, text).because(error.to_string())
        })?;
        let place = place(&url);
        let sending =
            self.http.post(url).headers(self.headers()?).timeout(self.timeout).body(self.form());
        let away = |error: reqwest::Error| {
            Failure::away(format!("Could not fetch a token from {place}"))
                .because(error.without_url().to_string())
                .hint("Check the address that gives out tokens and whether the service is up")
        };
        let response = sending.send().await.map_err(away)?;
        let status = response.status();
        let body = response.bytes().await.map_err(away)?;
        if !status.is_success() {
            let sentence = format!(
                "{place} gave no token to client \"{}\": it answered {status}",
                rules.client_id
            );
            return Err(if status.is_client_error() && status.as_u16() != 429 {
                Failure::final_one(ErrorClass::Forbidden, sentence)
                    .hint("Check oauth2.client.id and oauth2.client.secret")
            } else {
                Failure::away(sentence)
            });
        }
        self.token(number, &body, &place)
    }

    /// What a token needs, in place of headers of the same names that are configured.
    fn headers(&self) -> Result<HeaderMap, Failure> {
        let rules = &self.rules;
        let mut headers = rules.headers.clone();
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form);
        if rules.is_in_header {
            let pair = format!("{}:{}", rules.client_id, rules.secret.expose());
            let text = format!("Basic {}", STANDARD.encode(pair));
            let mut value = HeaderValue::from_str(&text).map_err(|_never| {
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
            Failure::final_one(ErrorClass::Invalid, text)
                .hint("Name the property that holds it in the configuration of the connector")
        })?;
        header.set_sensitive(true);
        Ok(Token { number, header })
    }
}
