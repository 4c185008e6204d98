//! Calls each service once, with clients from the environment, and says how that ended and how long it took to make them: for the tests, and by hand.
//! Its argument is the endpoint of a management API.

use std::time::Instant;

use dormouse_aws::Clients;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let endpoint = std::env::args().nth(1).ok_or("where is the management API?")?;
    let begun = Instant::now();
    let clients = Clients::load().await?;
    println!("loaded in {:?}", begun.elapsed());
    let made = (clients.dynamodb(), clients.sqs(), clients.scheduler(), clients.management(&endpoint));
    println!("made in {:?}", begun.elapsed());
    println!("dynamodb: {:?}", made.0.list_tables().send().await.is_ok());
    println!("called in {:?}", begun.elapsed());
    println!("sqs: {:?}", made.1.list_queues().send().await.is_ok());
    println!("scheduler: {:?}", made.2.list_schedules().send().await.is_ok());
    println!("management: {:?}", made.3.get_connection().connection_id("c1=").send().await.is_ok());
    Ok(())
}
