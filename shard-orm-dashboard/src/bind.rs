//! Which address the page may be bound to, and with which options.

use std::net::IpAddr;

use crate::options::Options;

/// Checks that a server on this address is not open to everybody, and that actions need a token; adds the address to
/// the hosts of the options.
///
/// ```
/// use shard_orm_dashboard::{Options, check_bind};
///
/// assert!(check_bind([127, 0, 0, 1].into(), Options::new()).is_ok());
/// assert!(check_bind([10, 0, 0, 5].into(), Options::new()).is_err());
/// assert!(check_bind([127, 0, 0, 1].into(), Options::new().allow_actions()).is_err());
/// ```
///
/// # Errors
/// What is missing, and what to do, for actions or an address beyond the loopback interface without a token.
pub fn check_bind(address: IpAddr, options: Options) -> Result<Options, String> {
    if options.wants_actions && options.tokens.is_empty() {
        return Err(
            "every user of this machine could steer jobs; require a token with `--token-file`, or leave out \
             `--allow-actions`"
                .to_owned(),
        );
    }
    if address.is_loopback() {
        return Ok(options);
    }
    if options.tokens.is_empty() {
        return Err(format!(
            "{address} can be reached from other machines, and the page would be open to all of them; \
             require a token (`--token-file`), or bind to 127.0.0.1"
        ));
    }
    Ok(match address.is_unspecified() {
        // It is no address of a request.
        true => options,
        false => options.host(address.to_string()),
    })
}
