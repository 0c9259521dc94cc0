//! Lines of a web server: a shop with visitors who come back, and robots.
//!
//! A visitor keeps address and browser. Some visitors, pages and products are asked for far more
//! often than others, and what is answered hangs on what was asked.

use std::io::Write as _;

use chrono::{DateTime, SecondsFormat};
use chrono_tz::Tz;
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

/// Visitors; the first ones come most often.
const VISITORS: u64 = 5000;
/// Products; the first ones are looked at most often.
const PRODUCTS: u64 = 400;
/// Of a hundred visitors, so many are robots.
const ROBOTS: u64 = 6;

/// First parts of addresses that many people have.
const NETWORKS: [u8; 16] = [5, 24, 31, 46, 62, 78, 81, 85, 91, 109, 121, 151, 178, 188, 203, 217];

const BROWSERS: [&str; 8] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
     Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 \
     Mobile Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like \
     Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) \
     Version/18.6 Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0",
    "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
     Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) \
     Chrome/142.0.0.0 Safari/537.36",
];

const ROBOT_AGENTS: [&str; 3] = [
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "curl/8.14.1",
];

const SEARCHES: [&str; 8] =
    ["shoes", "coffee", "lamp", "usb+cable", "green+tea", "notebook", "headphones", "umbrella"];

/// What is asked for.
struct Page {
    /// How often, among all.
    share: u32,
    method: &'static str,
    /// `#` stands for a product, `?` at its end for a search.
    url: &'static str,
    /// Answers, each with how often of a thousand it comes.
    answers: &'static [(u32, u16)],
}

const fn page(
    share: u32,
    method: &'static str,
    url: &'static str,
    answers: &'static [(u32, u16)],
) -> Page {
    Page { share, method, url, answers }
}

const READ: &[(u32, u16)] = &[(962, 200), (25, 304), (9, 500), (4, 503)];
const STATIC: &[(u32, u16)] = &[(700, 200), (298, 304), (2, 404)];
const LOOKED_UP: &[(u32, u16)] = &[(940, 200), (50, 404), (10, 500)];
const SENT: &[(u32, u16)] = &[(900, 201), (70, 400), (20, 409), (10, 500)];
const SIGNED_IN: &[(u32, u16)] = &[(850, 302), (140, 401), (10, 429)];

const PAGES: [Page; 14] = [
    page(160, "GET", "/", READ),
    page(190, "GET", "/products/#", LOOKED_UP),
    page(90, "GET", "/search?q=?", READ),
    page(80, "GET", "/cart", READ),
    page(60, "POST", "/cart/items", SENT),
    page(25, "POST", "/orders", SENT),
    page(30, "POST", "/login", SIGNED_IN),
    page(110, "GET", "/static/app.css", STATIC),
    page(110, "GET", "/static/app.js", STATIC),
    page(80, "GET", "/images/#.webp", STATIC),
    page(35, "GET", "/api/products/#/reviews", LOOKED_UP),
    page(12, "DELETE", "/cart/items/#", &[(960, 204), (40, 404)]),
    page(10, "PUT", "/account", &[(930, 200), (50, 401), (20, 400)]),
    page(8, "GET", "/wp-login.php", &[(1000, 404)]),
];

const ROBOT_PAGES: [Page; 4] = [
    page(30, "GET", "/robots.txt", &[(1000, 200)]),
    page(50, "GET", "/products/#", LOOKED_UP),
    page(10, "GET", "/sitemap.xml", &[(1000, 200)]),
    page(10, "HEAD", "/", &[(1000, 200)]),
];

/// Appends a line.
pub(super) fn append(out: &mut Vec<u8>, random: &mut SmallRng, at: DateTime<Tz>) {
    let visitor = often_small(random, VISITORS);
    // What a visitor keeps comes from its number.
    let mut own = SmallRng::seed_from_u64(visitor);
    let network = pick(&mut own, &NETWORKS).copied().unwrap_or_default();
    let [a, b, c]: [u8; 3] = own.random();
    let is_robot = own.random_range(0..100) < ROBOTS;
    let (agents, pages) =
        if is_robot { (&ROBOT_AGENTS[..], &ROBOT_PAGES[..]) } else { (&BROWSERS[..], &PAGES[..]) };
    let agent = pick(&mut own, agents).copied().unwrap_or_default();
    let Some(page) = weighted(random, pages, |page| page.share) else { return };
    let status = weighted(random, page.answers, |answer| answer.0).map_or(200, |answer| answer.1);
    let time = at.to_rfc3339_opts(SecondsFormat::Millis, true);
    // Writing to a vector cannot fail.
    let _written = write!(
        out,
        "{{\"ip\":\"{network}.{a}.{b}.{c}\",\"timestamp\":\"{time}\",\"method\":\"{}\",\"url\":\"",
        page.method
    );
    write_url(out, random, page.url);
    let _written = writeln!(out, "\",\"status_code\":{status},\"user_agent\":\"{agent}\"}}");
}

fn write_url(out: &mut Vec<u8>, random: &mut SmallRng, url: &str) {
    if let Some(search) = url.strip_suffix('?') {
        out.extend_from_slice(search.as_bytes());
        out.extend_from_slice(pick(random, &SEARCHES).copied().unwrap_or_default().as_bytes());
    } else if let Some((before, after)) = url.split_once('#') {
        let _written = write!(out, "{before}{}{after}", 1 + often_small(random, PRODUCTS));
    } else {
        out.extend_from_slice(url.as_bytes());
    }
}

/// A number below a bound, small ones more often.
fn often_small(random: &mut SmallRng, bound: u64) -> u64 {
    let below = random.random_range(1..=bound);
    random.random_range(0..below)
}

fn pick<'a, T>(random: &mut SmallRng, from: &'a [T]) -> Option<&'a T> {
    from.get(random.random_range(0..from.len()))
}

fn weighted<'a, T>(random: &mut SmallRng, from: &'a [T], share: fn(&T) -> u32) -> Option<&'a T> {
    let mut chance = random.random_range(0..from.iter().map(share).sum());
    from.iter().find(|item| {
        let is_it = chance < share(item);
        chance = chance.saturating_sub(share(item));
        is_it
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value as Json;

    use super::*;

    fn lines(seed: u64, count: usize) -> Vec<Json> {
        let (mut out, mut random) = (Vec::new(), SmallRng::seed_from_u64(seed));
        let at = DateTime::from_timestamp_millis(1_795_262_400_000).unwrap();
        (0..count).for_each(|_| append(&mut out, &mut random, at.with_timezone(&Tz::UTC)));
        let text = String::from_utf8(out).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_line_has_the_fields_of_a_web_log_in_their_order() {
        for line in lines(1, 2000) {
            let names: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(names, ["ip", "timestamp", "method", "url", "status_code", "user_agent"]);
            assert!(line["ip"].as_str().unwrap().parse::<std::net::Ipv4Addr>().is_ok(), "{line}");
            assert_eq!(line["timestamp"], "2026-11-21T12:00:00.000Z");
            assert!(line["url"].as_str().unwrap().starts_with('/'), "{line}");
            assert!((200..600).contains(&line["status_code"].as_u64().unwrap()), "{line}");
            assert!(!line["url"].as_str().unwrap().contains('#'), "{line}");
        }
    }

    #[test]
    fn a_seed_makes_the_same_lines_again_and_another_one_others() {
        assert_eq!(lines(1, 200), lines(1, 200));
        assert_ne!(lines(1, 200), lines(2, 200));
    }

    #[test]
    fn visitors_come_back_with_their_browser_and_answers_fit_what_was_asked() {
        let lines = lines(3, 20_000);
        let mut agents: BTreeMap<&str, &str> = BTreeMap::new();
        let mut ok = 0;
        for line in &lines {
            let (ip, agent) = (line["ip"].as_str().unwrap(), line["user_agent"].as_str().unwrap());
            assert_eq!(*agents.entry(ip).or_insert(agent), agent, "{ip}");
            ok += usize::from(line["status_code"] == 200);
            if line["status_code"] == 201 {
                assert_eq!(line["method"], "POST");
            }
        }
        assert!((2000..5000).contains(&agents.len()), "{} visitors", agents.len());
        assert!((14_000..18_000).contains(&ok), "{ok} of 20000 are well");
    }
}
