//! Who we are to a service: options of the Confluent class.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use connect_api::config::{Config, Problems, Secret, choice};
use reqwest::header::{AUTHORIZATION, HeaderName};

use super::read::{address, header_name, headers, items, secret_value};
use crate::settings::{Auth, OAuth2};

choice! {
    /// Who we are to the service.
    pub(super) enum AuthType {
        /// Nobody.
        None = "NONE",
        /// A user with a password.
        Basic = "BASIC",
        /// A client with a token that it fetches.
        OAuth2 = "OAUTH2",
        /// Who has this token.
        Bearer = "BEARER",
        /// Who has this key.
        ApiKey = "API_KEY",
    }
}

choice! {
    /// Where an API key stands.
    pub(super) enum KeyPlace {
        /// In a header.
        Header = "HEADER",
        /// In the query of the address.
        Query = "QUERY",
    }
}

choice! {
    /// Where id and secret of the client stand when a token is fetched.
    pub(super) enum ClientMode {
        /// In a header.
        Header = "header",
        /// In the form.
        Url = "url",
    }
}

/// Who we are to the service.
#[derive(Config, Debug)]
#[config(group = "Authentication")]
pub(super) struct AuthKeys {
    /// Who we are to the service: `NONE`, `BASIC`, `OAUTH2`, `BEARER` or `API_KEY`.
    #[config(key = "auth.type", importance = High, default = AuthType::None)]
    kind: AuthType,
    /// User of `BASIC`.
    #[config(key = "connection.user", default = "")]
    user: String,
    /// Password of `BASIC`.
    #[config(key = "connection.password")]
    password: Option<Secret<String>>,
    /// Token of `BEARER`.
    #[config(key = "bearer.token")]
    token: Option<Secret<String>>,
    /// Name of the header or of the parameter of `API_KEY`.
    #[config(key = "api.key.name", default = "")]
    key_name: String,
    /// Key of `API_KEY`.
    #[config(key = "api.key.value")]
    key: Option<Secret<String>>,
    /// Where the key of `API_KEY` stands: `HEADER` or `QUERY`.
    #[config(key = "api.key.location", default = KeyPlace::Header)]
    key_place: KeyPlace,
}

/// How `OAUTH2` fetches its token.
#[derive(Config, Debug)]
#[config(group = "OAuth2")]
pub(super) struct OAuthKeys {
    /// Address that gives out tokens.
    #[config(key = "oauth2.token.url", default = "")]
    url: String,
    /// Id of the client.
    #[config(key = "oauth2.client.id", default = "")]
    id: String,
    /// Secret of the client.
    #[config(key = "oauth2.client.secret")]
    secret: Option<Secret<String>>,
    /// Scope that is asked for; none when empty.
    #[config(key = "oauth2.client.scope", default = "any")]
    scope: String,
    /// Where the token stands in the answer.
    #[config(key = "oauth2.token.property", default = "access_token", check = NOT_EMPTY)]
    property: String,
    /// Where id and secret of the client stand: `header` or `url`, which is in the form.
    #[config(key = "oauth2.client.auth.mode", default = ClientMode::Header)]
    mode: ClientMode,
    /// Further headers of the request for a token, `Name:Value`.
    #[config(key = "oauth2.client.headers", importance = Low, default = "")]
    headers: String,
    /// What separates them.
    #[config(key = "oauth2.client.header.separator", importance = Low, default = "|", check = NOT_EMPTY)]
    separator: String,
}

impl AuthKeys {
    /// What it comes to.
    pub(super) fn auth(&self, oauth2: &OAuthKeys, problems: &mut Problems) -> Auth {
        let kind = self.kind;
        let mut needed = |is_there: bool, key: &str| {
            if !is_there {
                problems
                    .add_text(key, format!("auth.type is {kind}, so that {key} has to be given"));
            }
        };
        match kind {
            AuthType::None => return Auth::None,
            AuthType::Basic => {
                needed(!self.user.is_empty(), "connection.user");
                needed(self.password.is_some(), "connection.password");
            }
            AuthType::Bearer => needed(self.token.is_some(), "bearer.token"),
            AuthType::ApiKey => {
                needed(!self.key_name.is_empty(), "api.key.name");
                needed(self.key.is_some(), "api.key.value");
            }
            AuthType::OAuth2 => {
                needed(!oauth2.url.is_empty(), "oauth2.token.url");
                needed(!oauth2.id.is_empty(), "oauth2.client.id");
                needed(oauth2.secret.is_some(), "oauth2.client.secret");
            }
        }
        self.made(oauth2, problems)
    }

    fn made(&self, oauth2: &OAuthKeys, problems: &mut Problems) -> Auth {
        let text = |secret: &Option<Secret<String>>| secret.clone().unwrap_or_default();
        match self.kind {
            AuthType::None => Auth::None,
            AuthType::Basic => {
                let pair = format!("{}:{}", self.user, text(&self.password).expose());
                let value = format!("Basic {}", STANDARD.encode(pair));
                authorization(AUTHORIZATION, &value, "connection.password", problems)
            }
            AuthType::Bearer => {
                let value = format!("Bearer {}", text(&self.token).expose());
                authorization(AUTHORIZATION, &value, "bearer.token", problems)
            }
            AuthType::ApiKey if self.key_place == KeyPlace::Query => {
                Auth::Query(self.key_name.clone(), text(&self.key))
            }
            AuthType::ApiKey => match header_name(&self.key_name) {
                Ok(name) => {
                    authorization(name, text(&self.key).expose(), "api.key.value", problems)
                }
                Err(reason) => {
                    problems.add("api.key.name", &self.key_name, reason);
                    Auth::None
                }
            },
            AuthType::OAuth2 => oauth2.made(problems),
        }
    }
}

fn authorization(name: HeaderName, value: &str, key: &str, problems: &mut Problems) -> Auth {
    if let Ok(value) = secret_value(value) {
        return Auth::Header(name, value);
    }
    let text =
        format!("Invalid value for configuration {key}: It has characters that no header may have");
    problems.add_text(key, text);
    Auth::None
}

impl OAuthKeys {
    fn made(&self, problems: &mut Problems) -> Auth {
        if !self.url.is_empty()
            && let Err(reason) = address(&self.url)
        {
            problems.add("oauth2.token.url", &self.url, reason);
        }
        let items = items(&self.headers, &self.separator);
        let mut form = vec![("grant_type".to_owned(), "client_credentials".to_owned())];
        if !self.scope.is_empty() {
            form.push(("scope".to_owned(), self.scope.clone()));
        }
        Auth::OAuth2(Box::new(OAuth2 {
            url: self.url.clone(),
            url_key: "oauth2.token.url",
            client_id: self.id.clone(),
            secret: self.secret.clone().unwrap_or_default(),
            is_in_header: self.mode == ClientMode::Header,
            form,
            names: ("client_id".to_owned(), "client_secret".to_owned()),
            headers: headers(items.into_iter(), "oauth2.client.headers", problems),
            property: self.property.clone(),
            property_key: "oauth2.token.property",
        }))
    }
}
