use dormouse_core::limits::{CONNECTIONS_PER_PRINCIPAL_MAX, TICKET, TICKETS_MAX};

use super::*;

#[test]
fn case_42_a_ticket_works_once() {
    let (identity, _) = identity(config(vec![]));
    let ann = session("acme", "ann");
    let ticket = identity.issue_ticket(&ann).unwrap();
    assert_eq!(identity.redeem_ticket(&ticket), Ok(ann));
    assert_eq!(code(identity.redeem_ticket(&ticket)), Some(Code::BadTicket));
    assert_eq!(identity.tickets.sizes(), [0, 0, 0]);
}

#[test]
fn case_42_a_signed_ticket_is_known_to_whoever_has_the_key() {
    let signing = |key| {
        let (identity, world) = identity(config(vec![secret()]));
        (identity.sign_tickets([key; 32]), world)
    };
    let ((issuer, _), (redeemer, world), (stranger, _)) = (signing(1), signing(1), signing(2));
    let ann = session("acme", "ann");
    let [ticket, other] = [(); 2].map(|()| issuer.issue_ticket(&ann).unwrap());
    assert_ne!(ticket, other, "each works once");
    assert_eq!(redeemer.redeem_ticket(&ticket), Ok(ann));
    assert_eq!(code(stranger.redeem_ticket(&ticket)), Some(Code::BadTicket));
    assert_eq!(code(redeemer.verify(&ticket)), Some(Code::Unauthenticated));
    let token = HMAC.sign(&claims(json!({})));
    for wrong in ["", "x", &token, &ticket[1..], &"x".repeat(100_000)] {
        assert_eq!(code(redeemer.redeem_ticket(wrong)), Some(Code::BadTicket));
    }
    world.pass(TICKET - Duration::from_millis(1));
    assert!(redeemer.redeem_ticket(&other).is_ok());
    world.pass(Duration::from_millis(1));
    assert_eq!(code(redeemer.redeem_ticket(&other)), Some(Code::BadTicket));
}

#[test]
fn case_42_a_token_is_no_ticket_and_a_ticket_no_token() {
    let (identity, _) = identity(config(vec![secret()]));
    let token = HMAC.sign(&claims(json!({})));
    let ticket = identity.issue_ticket(&identity.verify(&token).unwrap()).unwrap();
    for wrong in ["", "x", &token, &ticket[1..], &ticket.to_uppercase()] {
        assert_eq!(identity.redeem_ticket(wrong), Err(Code::BadTicket.into()));
    }
    assert_eq!(code(identity.verify(&ticket)), Some(Code::Unauthenticated));
}

#[test]
fn case_42_a_ticket_waits_thirty_seconds() {
    let (identity, world) = identity(config(vec![]));
    let [early, late] = [(); 2].map(|()| identity.issue_ticket(&session("acme", "ann")).unwrap());
    world.pass(TICKET - Duration::from_millis(1));
    assert!(identity.redeem_ticket(&early).is_ok());
    world.pass(Duration::from_millis(1));
    assert_eq!(code(identity.redeem_ticket(&late)), Some(Code::BadTicket));
}

#[test]
fn case_42_a_ticket_dies_with_its_session() {
    let (identity, world) = identity(config(vec![]));
    let (ann, bob) = (session("acme", "ann"), Session { expires: Time((NOW + 5) * 1000), ..session("acme", "bob") });
    let [of_ann, of_bob] = [&ann, &bob].map(|session| identity.issue_ticket(session).unwrap());
    identity.revoke(&ann.tenant, "ann").unwrap();
    world.pass(Duration::from_secs(5));
    assert_eq!(code(identity.redeem_ticket(&of_ann)), Some(Code::Revoked));
    assert_eq!(code(identity.redeem_ticket(&of_bob)), Some(Code::TokenExpired));
}

#[test]
fn case_45_a_ticket_leads_to_its_own_tenant() {
    let (identity, _) = identity(config(vec![]));
    let tenants = ["acme", "other"].map(|tenant| (tenant, identity.issue_ticket(&session(tenant, "ann")).unwrap()));
    for (tenant, ticket) in tenants {
        assert_eq!(identity.redeem_ticket(&ticket).unwrap().tenant, name(tenant));
    }
}

#[test]
fn as_many_tickets_wait_as_may() {
    let (identity, world) = identity(config(vec![]));
    let of = |n: usize| session("acme", &format!("p{}", n / CONNECTIONS_PER_PRINCIPAL_MAX));
    let first = identity.issue_ticket(&of(0)).unwrap();
    world.pass(Duration::from_secs(10));
    for n in 1..TICKETS_MAX {
        identity.issue_ticket(&of(n)).unwrap();
    }
    let full = identity.issue_ticket(&session("acme", "late")).unwrap_err();
    assert_eq!((full.code, full.retry_after), (Code::RateLimited, Some(20_000)), "when the first one expires");
    assert_eq!(identity.tickets.sizes()[..2], [TICKETS_MAX, TICKETS_MAX]);
    world.pass(Duration::from_secs(20));
    assert!(identity.issue_ticket(&session("acme", "late")).is_ok(), "the expired one made room");
    assert_eq!(code(identity.issue_ticket(&session("acme", "later"))), Some(Code::RateLimited));
    assert_eq!(code(identity.redeem_ticket(&first)), Some(Code::BadTicket));
    world.pass(TICKET);
    assert!(identity.issue_ticket(&session("acme", "later")).is_ok());
    assert_eq!(identity.tickets.sizes(), [1, 1, 1]);
}

#[test]
fn one_principal_leaves_tickets_to_others() {
    let (identity, _) = identity(config(vec![]));
    let tickets: Vec<String> =
        (0..CONNECTIONS_PER_PRINCIPAL_MAX).map(|_| identity.issue_ticket(&session("acme", "ann")).unwrap()).collect();
    assert_eq!(code(identity.issue_ticket(&session("acme", "ann"))), Some(Code::RateLimited));
    assert!(identity.issue_ticket(&session("other", "ann")).is_ok(), "another tenant's principal");
    identity.redeem_ticket(&tickets[0]).unwrap();
    assert!(identity.issue_ticket(&session("acme", "ann")).is_ok());
}
