//! What sessions in memory cost as they become many: bytes for each, and how long a call takes at ten
//! thousand and at a million, beside a plain map of the same sizes.
//!
//! ```sh
//! cargo run --release -p session-core --example memory_growth            # what is in the documentation
//! cargo run --release -p session-core --example memory_growth -- 200000  # another large size
//! ```
//!
//! Linux only, because it asks the system what this process holds. Each call is made at sessions all over
//! the backend ("anywhere"), and at a few that stay in the processor's cache ("the same few").
//! What the two have between them is the cache's; what the same few take more at a million than at ten
//! thousand is ours.

use std::collections::HashMap;
use std::error::Error;
use std::hint::black_box;
use std::num::NonZeroU32;
use std::process::Command;
use std::time::{Duration, Instant};

use session_core::{
    Data, DeviceType, Fingerprint, MemoryBackend, NewSession, SessionBackend, SessionData,
    SessionId, SessionToken, Timestamp, TokenHash, UserId,
};

/// What most sites see: 111 bytes.
const AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 \
     (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36";

/// 200 bytes as compact JSON.
const DATA: &str = "{\"cart\":[{\"sku\":\"A-1042\",\"count\":12},{\"sku\":\"B-71\",\"count\":1}],\
     \"csrf\":\"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b\",\"locale\":\"de-AT\",\"notice\":\"Saved.\",\
     \"return_to\":\"/account/orders?page=2\",\"theme\":\"dark\"}";

/// Sessions of each user: as many as the cap allows, so that a sign-in evicts.
const CAP: usize = 10;

const SMALL: usize = 10_000;
const LARGE: usize = 1_000_000;

/// How many stay in the processor's cache.
const FEW: usize = 20;

const CALLS: usize = 20_000;

const ROUNDS: usize = 5;

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match &*arguments {
        [] => everything(LARGE).await,
        [large] => everything(large.parse()?).await,
        [count, data] => footprint(count.parse()?, data).await,
        _ => Err("how many sessions?".into()),
    }
}

async fn everything(large: usize) -> Result<(), Box<dyn Error>> {
    for (name, data) in [("no data", "{}"), ("200 bytes of data", DATA)] {
        // Each in a process of its own: what one has given back the next would be given for nothing.
        let program = std::env::current_exe()?;
        let said = Command::new(program).args([&large.to_string(), data]).output()?;
        print!("{large} sessions with {name}: {} bytes each", str::from_utf8(&said.stdout)?.trim());
        println!("{}", str::from_utf8(&said.stderr)?);
    }
    let small = Filled::new(SMALL, "{}").await?.with_plain();
    let large = Filled::new(large, "{}").await?.with_plain();
    println!("\nmicroseconds, the median of {ROUNDS} rounds' medians\n");
    println!("| | at {} | at {} | ratio |", small.tokens.len(), large.tokens.len());
    println!("| --- | ---: | ---: | ---: |");
    // The last one ends sessions that the others would look for.
    for call in [Call::Map, Call::Find, Call::List, Call::Create] {
        for (place, few) in [("anywhere", None), ("the same few", Some(FEW))] {
            let mut medians = [Vec::new(), Vec::new()];
            for round in 0..=ROUNDS {
                for (filled, medians) in [&small, &large].into_iter().zip(&mut medians) {
                    let median = filled.median(call, few, round).await?;
                    // One that nobody counts.
                    if round > 0 {
                        medians.push(median);
                    }
                }
            }
            let [small, large] = medians.map(|mut medians| {
                medians.sort_unstable();
                medians[ROUNDS / 2].as_secs_f64() * 1e6
            });
            println!(
                "| {}, {place} | {small:.2} | {large:.2} | {:.2} |",
                call.name(),
                large / small
            );
        }
    }
    Ok(())
}

async fn footprint(count: usize, data: &str) -> Result<(), Box<dyn Error>> {
    let before = resident_bytes()?;
    let filled = Filled::new(count, data).await?;
    // What is this program's own.
    let own = size_of_val(&*filled.tokens) as u64;
    println!("{}", (resident_bytes()? - before - own) / count as u64);
    // With everything still there, for `valgrind`, which says what was asked of the allocator.
    std::process::exit(0)
}

#[derive(Clone, Copy)]
enum Call {
    /// A look-up in a plain map, of a box with as much in it as a record: what any map pays.
    Map,
    Find,
    List,
    Create,
}

impl Call {
    fn name(self) -> &'static str {
        match self {
            Self::Map => "a plain map's get",
            Self::Find => "find",
            Self::List => "list",
            Self::Create => "create with a full cap",
        }
    }
}

/// A backend with sessions in it, and what they can be asked for by.
struct Filled {
    backend: MemoryBackend,
    /// Of every session, with the number of its user.
    tokens: Vec<(TokenHash, usize)>,
    plain: HashMap<TokenHash, Box<[u8; 288]>>,
}

impl Filled {
    async fn new(count: usize, data: &str) -> Result<Self, Box<dyn Error>> {
        let backend = MemoryBackend::with_capacity(2 * count);
        let data = Data::from_json(data.as_bytes())?;
        let users = (count / CAP).max(1);
        let mut tokens = Vec::with_capacity(count);
        for nth in 0..count {
            let new = sign_in(nth % users, &data, NOW)?;
            tokens.push((new.token, nth % users));
            backend.create(new, NOW).await?;
        }
        Ok(Self { backend, tokens, plain: HashMap::new() })
    }

    /// A map beside the backend, of as many entries.
    fn with_plain(mut self) -> Self {
        self.plain = self.tokens.iter().map(|(token, _)| (*token, Box::new([1; 288]))).collect();
        self
    }

    /// Of single calls, one after the other; `few`: only the first so many of the sessions. Neither
    /// order nor place of two calls that follow each other has to do with how the sessions were made.
    async fn median(
        &self,
        call: Call,
        few: Option<usize>,
        round: usize,
    ) -> Result<Duration, Box<dyn Error>> {
        // So much later that the tombstones of the round before are forgotten.
        let now = NOW.plus(Duration::from_secs(1000 * round as u64));
        let calls = if let Call::Create = call { CALLS / 10 } else { CALLS };
        let among = few.unwrap_or(self.tokens.len()).min(self.tokens.len());
        let mut took = Vec::with_capacity(calls);
        for nth in 0..calls {
            // A step that has no divisor with the count visits all before it comes again.
            let (token, user) = &self.tokens[(nth + round * calls) * 7919 % among];
            took.push(match call {
                Call::Map => {
                    let began = Instant::now();
                    black_box(self.plain.get(token).map(|value| value[7]));
                    began.elapsed()
                }
                Call::Find => {
                    let began = Instant::now();
                    let found = self.backend.find(token, now).await?;
                    black_box(&found);
                    began.elapsed()
                }
                Call::List => {
                    let user = user_id(*user)?;
                    let began = Instant::now();
                    let listed = self.backend.list(&user, now).await?;
                    let took = began.elapsed();
                    if listed.len() != CAP {
                        return Err(format!("{} sessions are listed", listed.len()).into());
                    }
                    took
                }
                Call::Create => {
                    let new = sign_in(*user, &Data::new(), now)?;
                    let began = Instant::now();
                    let created = self.backend.create(new, now).await?;
                    let took = began.elapsed();
                    if created.evicted.len() != 1 {
                        return Err(format!("{} were evicted", created.evicted.len()).into());
                    }
                    took
                }
            });
        }
        took.sort_unstable();
        Ok(took[took.len() / 2])
    }
}

fn user_id(number: usize) -> Result<UserId, Box<dyn Error>> {
    Ok(UserId::new(format!("user-{number:07}"))?)
}

/// A sign-in of a browser's, with everything that is known of one.
fn sign_in(user: usize, data: &Data, now: Timestamp) -> Result<NewSession, Box<dyn Error>> {
    let address = Some([203, 0, 113, 57].into());
    let record = SessionData {
        user_id: Some(user_id(user)?),
        ip_address: address,
        last_ip_address: address,
        user_agent: Some(AGENT.to_owned()),
        device_name: "Chrome on Windows".to_owned(),
        device_type: DeviceType::Desktop,
        fingerprint: Fingerprint::from_bytes(&[1; 33]),
        authenticated_at: Some(now),
        ..SessionData::new(SessionId::generate(now)?, now, Duration::from_secs(30 * 24 * 3600))
    };
    let mut new = NewSession::new(record, SessionToken::generate()?.hash());
    for (key, value) in data.iter() {
        new.patch.set(key, value.clone());
    }
    new.cap = NonZeroU32::new(u32::try_from(CAP)?);
    Ok(new)
}

/// What this process holds in memory, from `/proc/self/statm`: its second number, in pages.
fn resident_bytes() -> Result<u64, Box<dyn Error>> {
    let sizes = std::fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = sizes.split(' ').nth(1).ok_or("no second number")?.parse()?;
    Ok(pages * 4096)
}
