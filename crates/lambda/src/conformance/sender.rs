//! Messages to clients of a gateway.

use bytes::Bytes;
use dormouse_core::limits::GATEWAY_MESSAGE_BYTES_MAX;

use super::Gateway;
use crate::sender::SendError;

pub(super) async fn messages_arrive_in_order(gateway: impl Gateway) {
    let ana = gateway.connect().await;
    let sent: Vec<Bytes> = (0..50).map(|n| format!("{{\"n\":{n}}}").into()).collect();
    for message in &sent {
        gateway.sender().send(&ana, message.clone()).await.unwrap();
    }
    assert_eq!(gateway.received(&ana, 50).await, sent);
}

pub(super) async fn nobody_gets_what_is_for_somebody_else(gateway: impl Gateway) {
    let (ana, bo) = (gateway.connect().await, gateway.connect().await);
    gateway.sender().send(&ana, "to ana".into()).await.unwrap();
    gateway.sender().send(&bo, "to bo".into()).await.unwrap();
    assert_eq!(gateway.received(&ana, 1).await, ["to ana"]);
    assert_eq!(gateway.received(&bo, 1).await, ["to bo"]);
}

pub(super) async fn a_message_of_the_largest_size_arrives_whole(gateway: impl Gateway) {
    let ana = gateway.connect().await;
    let message: Bytes = "x".repeat(GATEWAY_MESSAGE_BYTES_MAX).into();
    gateway.sender().send(&ana, message.clone()).await.unwrap();
    assert_eq!(gateway.received(&ana, 1).await, [message]);
}

pub(super) async fn one_byte_more_is_refused_and_the_connection_stays(gateway: impl Gateway) {
    let ana = gateway.connect().await;
    let message: Bytes = "x".repeat(GATEWAY_MESSAGE_BYTES_MAX + 1).into();
    assert!(matches!(gateway.sender().send(&ana, message).await, Err(SendError::TooLarge)));
    gateway.sender().send(&ana, "small".into()).await.unwrap();
    assert_eq!(gateway.received(&ana, 1).await, ["small"]);
}

pub(super) async fn a_connection_that_is_gone_says_so(gateway: impl Gateway) {
    let ana = gateway.connect().await;
    let sender = gateway.sender();
    assert!(sender.is_alive(&ana).await.unwrap() && sender.info(&ana).await.unwrap().is_some());
    gateway.hang_up(&ana).await;
    for gone in [&*ana, "never-was="] {
        assert!(matches!(sender.send(gone, "x".into()).await, Err(SendError::Gone)), "{gone}");
        assert!(!sender.is_alive(gone).await.unwrap());
        assert_eq!(sender.info(gone).await.unwrap(), None);
    }
}

pub(super) async fn to_disconnect_ends_it_and_may_be_done_twice(gateway: impl Gateway) {
    let (ana, bo) = (gateway.connect().await, gateway.connect().await);
    for _ in 0..2 {
        gateway.sender().disconnect(&ana).await.unwrap();
        assert!(matches!(gateway.sender().send(&ana, "x".into()).await, Err(SendError::Gone)));
    }
    assert!(gateway.sender().is_alive(&bo).await.unwrap());
}
