//! Who comes into any host, as its options say.

use std::sync::Arc;

use dormouse_engine::{
    identity::{Admission, GuestKey, Identity, IdentityConfig, KeyFile, Origins, Rates, Verifier},
    world::World,
};

use crate::{app::Access, commands::Problem};

impl Access {
    pub(crate) fn identity(&self, guest_key: GuestKey, world: &Arc<dyn World>) -> Result<Identity, Problem> {
        let jwks = self.jwks.iter().map(|path| KeyFile::Jwks(path.clone()));
        let pems = self.public_key.iter().map(|path| KeyFile::Pem(path.clone()));
        let verifiers = jwks.chain(pems).map(|file| Verifier::read(&file)).collect::<Result<_, _>>()?;
        let config = IdentityConfig {
            guest_key,
            verifiers,
            audience: self.audience.clone(),
            issuer: self.issuer.clone(),
            guests: !self.no_guests,
            default_tenant: self.tenant.clone(),
        };
        Ok(Identity::new(config, world.clone()))
    }

    pub(crate) fn origins(&self) -> Result<Origins, Problem> {
        let origins = Origins::parse(self.origins.iter().map(String::as_str));
        origins.map_err(|error| Problem::Usage(format!("--origins: {error}")))
    }

    pub(crate) fn admission(&self) -> Admission {
        Admission::new(Rates { per_principal: self.rate, per_connection: self.rate, ..Rates::default() })
    }
}
