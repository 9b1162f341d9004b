//! Presigned addresses of the storage, which are only valid as they were given, byte for byte.
//!
//! Their query has what careless clients change: encoded slashes, spaces and tildes, and capitals.

use crate::demo::world::World;
use crate::demo::world::random::mix;

const SIGNATURE: &str = "&X-Amz-Signature=";

/// Returns the presigned address of a path that is already percent-encoded.
pub(super) fn presigned(world: &World, path: &str) -> String {
    let time = world.options.now.strftime("%Y%m%dT%H%M%SZ");
    let date = world.options.now.strftime("%Y%m%d");
    let file = path.rsplit('/').next().unwrap_or_default();
    let target = format!(
        "{path}?X-Amz-Algorithm=AWS4-HMAC-SHA256\
         &X-Amz-Credential=DEMO%2F{date}%2Feu-north-1%2Fs3%2Faws4_request\
         &X-Amz-Date={time}&X-Amz-Expires=3600&X-Amz-SignedHeaders=host\
         &response-content-disposition=attachment%3B%20filename%3D%22demo%7E{file}%22"
    );
    let signature = signature(world.options.seed, &target);
    format!("{}{target}{SIGNATURE}{signature}", world.storage_origin)
}

/// Returns true if a path and query are exactly as [`presigned`] made them.
pub(super) fn is_valid(world: &World, target: &str) -> bool {
    target
        .split_once(SIGNATURE)
        .is_some_and(|(signed, given)| given == signature(world.options.seed, signed))
}

fn signature(seed: u64, target: &str) -> String {
    let mut hash = mix(seed, &[0x7369_676e]);
    for byte in target.bytes() {
        hash = mix(hash, &[u64::from(byte)]);
    }
    let words = [0, 1, 2, 3].map(|word| format!("{:016x}", mix(hash, &[word])));
    words.concat()
}
