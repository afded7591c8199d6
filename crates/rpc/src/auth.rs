//! JSON web tokens: who may call what.
//!
//! # Lotus parity
//! A token is a JWT with HS256 over the claims `{"Allow": ["read", …]}` and nothing else; it never
//! expires. A caller without a token may call `read` methods; a caller with a token that does not
//! verify gets HTTP status 401 and no body.

use std::{fmt, sync::Arc};

use axum::http::{HeaderMap, Uri, header::AUTHORIZATION};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, errors::ErrorKind};
use lotus_rpc_api::Permission;
use rand::RngCore as _;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Why a token is refused or cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// It is not a JWT.
    #[error("JWT Verification failed: jwt: malformed token")]
    Malformed,
    /// It was signed with another secret, or altered.
    #[error("JWT Verification failed: jwt: HMAC verification failed")]
    WrongSignature,
    /// Another algorithm, or claims that are not Lotus'.
    #[error("JWT Verification failed: {0}")]
    Unsuitable(String),
    /// The `Authorization` header is not `Bearer TOKEN`.
    #[error("the Authorization header is not of the form \"Bearer TOKEN\"")]
    NotBearer,
    /// The secret is too short to sign with.
    #[error("a JWT secret of {0} bytes is too short; {MIN_SECRET} bytes are needed")]
    ShortSecret(usize),
    /// The token could not be signed: a fault of ours.
    #[error("cannot sign a token: {0}")]
    Signing(String),
}

const MIN_SECRET: usize = 16;

#[derive(Serialize, Deserialize)]
struct Claims {
    #[serde(rename = "Allow")]
    allow: Vec<String>,
}

/// The secret that a node signs its tokens with; kept in its keystore, wiped when dropped.
#[derive(Clone)]
pub struct JwtSecret(Zeroizing<Vec<u8>>);

impl fmt::Debug for JwtSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JwtSecret(…)")
    }
}

impl JwtSecret {
    /// A new secret of 32 random bytes.
    pub fn generate() -> Self {
        let mut bytes = vec![0; 32];
        rand::rngs::OsRng.fill_bytes(&mut bytes);
        Self(Zeroizing::new(bytes))
    }

    /// A secret from a keystore (`jwt-hmac-secret`).
    ///
    /// # Errors
    /// [`AuthError::ShortSecret`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, AuthError> {
        if bytes.len() < MIN_SECRET {
            return Err(AuthError::ShortSecret(bytes.len()));
        }
        Ok(Self(Zeroizing::new(bytes.to_vec())))
    }

    /// The bytes, for the keystore.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// A token for exactly these permissions. Use [`Permission::up_to`] for the usual ones.
    ///
    /// # Errors
    /// [`AuthError::Signing`].
    pub fn token(&self, allow: &[Permission]) -> Result<String, AuthError> {
        let claims = Claims {
            allow: allow.iter().map(|p| p.name().to_owned()).collect(),
        };
        let key = EncodingKey::from_secret(&self.0);
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)
            .map_err(|e| AuthError::Signing(e.to_string()))
    }

    /// The permissions of a token. Permissions that are not known are left out.
    ///
    /// # Errors
    /// When the token is not one of this secret's.
    pub fn verify(&self, token: &str) -> Result<Vec<Permission>, AuthError> {
        let mut rules = Validation::new(Algorithm::HS256);
        rules.required_spec_claims.clear();
        rules.validate_exp = false;
        rules.validate_nbf = false;
        rules.validate_aud = false;
        let key = DecodingKey::from_secret(&self.0);
        let data =
            jsonwebtoken::decode::<Claims>(token, &key, &rules).map_err(|e| match e.kind() {
                ErrorKind::InvalidSignature => AuthError::WrongSignature,
                ErrorKind::InvalidToken | ErrorKind::Base64(_) => AuthError::Malformed,
                _ => AuthError::Unsuitable(e.to_string()),
            })?;
        Ok(data
            .claims
            .allow
            .iter()
            .filter_map(|name| name.parse().ok())
            .collect())
    }
}

/// Decides what a token allows. A worker asks its miner; a node has the secret itself.
#[derive(Clone)]
pub enum Verifier {
    /// Tokens of this secret.
    Secret(JwtSecret),
    /// Whoever answers this question.
    Ask(Arc<AskVerifier>),
    /// Everyone may do everything: only for a server that nobody else can reach (tests, a wallet
    /// on a Unix socket).
    Open,
}

/// A question about a token, answered by someone else.
pub type AskVerifier = dyn Fn(String) -> futures::future::BoxFuture<'static, Result<Vec<Permission>, AuthError>>
    + Send
    + Sync;

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secret(_) => "Verifier::Secret",
            Self::Ask(_) => "Verifier::Ask",
            Self::Open => "Verifier::Open",
        })
    }
}

impl Verifier {
    /// A verifier that asks.
    pub fn ask<F, Fut>(ask: F) -> Self
    where
        F: Fn(String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<Permission>, AuthError>> + Send + 'static,
    {
        Self::Ask(Arc::new(move |token| Box::pin(ask(token))))
    }

    /// Who sent a request with these headers to this address.
    ///
    /// # Errors
    /// When there is a token and it is not good. Answer with status 401.
    pub async fn caller(&self, headers: &HeaderMap, uri: &Uri) -> Result<Caller, AuthError> {
        if let Self::Open = self {
            return Ok(Caller {
                allowed: Permission::ALL.to_vec(),
            });
        }
        let Some(token) = token_of(headers, uri)? else {
            return Ok(Caller {
                allowed: vec![Permission::Read],
            });
        };
        let allowed = match self {
            Self::Secret(secret) => secret.verify(&token)?,
            Self::Ask(ask) => ask(token).await?,
            Self::Open => Permission::ALL.to_vec(),
        };
        Ok(Caller { allowed })
    }
}

/// Whoever sent a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// What it may do.
    pub allowed: Vec<Permission>,
}

impl Caller {
    /// May it do this?
    pub fn may(&self, permission: Permission) -> bool {
        self.allowed.contains(&permission)
    }
}

fn token_of(headers: &HeaderMap, uri: &Uri) -> Result<Option<String>, AuthError> {
    if let Some(value) = headers.get(AUTHORIZATION) {
        let text = value.to_str().map_err(|_| AuthError::NotBearer)?;
        if text.is_empty() {
            return Ok(None);
        }
        let token = text.strip_prefix("Bearer ").ok_or(AuthError::NotBearer)?;
        return Ok(Some(token.trim().to_owned()));
    }
    // A JWT needs no percent-encoding, so the value is taken as it is.
    let token = uri
        .query()
        .into_iter()
        .flat_map(|q| q.split('&'))
        .find_map(|pair| pair.strip_prefix("token="))
        .filter(|t| !t.is_empty());
    Ok(token.map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> JwtSecret {
        JwtSecret::from_bytes(&[7; 32]).expect("long enough")
    }

    mod a_token {
        use super::*;

        #[test]
        fn gives_back_its_permissions() {
            for permission in Permission::ALL {
                let allow = permission.up_to();
                let token = secret().token(&allow).expect("signs");
                assert_eq!(secret().verify(&token), Ok(allow));
            }
        }

        #[test]
        fn is_refused_when_altered() {
            let token = secret().token(&[Permission::Read]).expect("signs");
            let more = secret().token(&Permission::ALL).expect("signs");
            let parts: Vec<_> = token.split('.').collect();
            let claims = more.split('.').nth(1).expect("three parts");
            let forged = format!("{}.{claims}.{}", parts[0], parts[2]);
            assert_eq!(secret().verify(&forged), Err(AuthError::WrongSignature));
        }

        #[test]
        fn is_refused_by_another_secret() {
            let token = JwtSecret::generate()
                .token(&Permission::ALL)
                .expect("signs");
            assert_eq!(secret().verify(&token), Err(AuthError::WrongSignature));
        }

        #[test]
        fn of_go_lotus_is_understood() {
            // Header and claims as gbrlsnchs/jwt writes them.
            let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.\
                         eyJBbGxvdyI6WyJyZWFkIiwid3JpdGUiLCJzaWduIiwiYWRtaW4iXX0.";
            let ours = secret().token(&Permission::ALL).expect("signs");
            let (_, claims_and_signature) = ours.split_once('.').expect("three parts");
            assert!(token.contains(claims_and_signature.split('.').next().expect("claims")));
        }

        #[test]
        fn without_signature_is_refused() {
            // {"alg":"none"} must never pass.
            let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJBbGxvdyI6WyJhZG1pbiJdfQ.";
            assert!(secret().verify(none).is_err());
            assert_eq!(secret().verify("nonsense"), Err(AuthError::Malformed));
            assert_eq!(
                AuthError::Malformed.to_string(),
                "JWT Verification failed: jwt: malformed token"
            );
        }
    }

    #[test]
    fn a_short_secret_is_refused() {
        assert_eq!(
            JwtSecret::from_bytes(&[1; 3]).expect_err("short"),
            AuthError::ShortSecret(3)
        );
        assert_eq!(format!("{:?}", secret()), "JwtSecret(…)");
    }

    #[test]
    fn tokens_are_taken_from_header_or_query() {
        let uri: Uri = "/rpc/v1?a=b&token=abc".parse().expect("a URI");
        let mut headers = HeaderMap::new();
        assert_eq!(token_of(&headers, &uri), Ok(Some("abc".to_owned())));
        headers.insert(AUTHORIZATION, "Bearer def".parse().expect("a value"));
        assert_eq!(token_of(&headers, &uri), Ok(Some("def".to_owned())));
        headers.insert(AUTHORIZATION, "Basic def".parse().expect("a value"));
        assert_eq!(token_of(&headers, &uri), Err(AuthError::NotBearer));
    }
}
