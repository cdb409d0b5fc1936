//! The kinds that show tokens about, against the lab: what each fault is called, where, and what is only a warning. The
//! expectations come from the RFCs and the contract.

mod folder;
mod lab_stage;

#[path = "token_kinds/introspection.rs"]
mod introspection;
#[path = "token_kinds/jwt_bearer.rs"]
mod jwt_bearer;
#[path = "token_kinds/resource.rs"]
mod resource;
#[path = "token_kinds/userinfo.rs"]
mod userinfo;

use lab_stage::Stage;

/// What users log in for.
const SCOPES: &[&str] = &["openid", "profile", "email", "api"];

/// A machine before a healthy lab.
async fn machine() -> Stage {
    Stage::machine("svc").await
}

/// alice before a healthy lab.
async fn user() -> Stage {
    Stage::user("web", SCOPES).await
}
