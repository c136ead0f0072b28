//! The wiping allocator under everything that Rust asks of one. `make test-asan` runs this under AddressSanitizer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;

use twinlock_pam::WipingAllocator;

#[global_allocator]
static ALLOCATOR: WipingAllocator = WipingAllocator;

/// Memory as a page is: aligned far beyond what malloc gives.
#[repr(align(4096))]
struct Page([u8; 4096]);

#[test]
fn blocks_of_every_size_and_alignment_keep_what_is_in_them_until_they_are_freed() {
    let mut kept = Vec::new();
    for size in (0..3000).chain([4095, 4096, 4097, 70_000, 1 << 20]) {
        let fill = (size % 251) as u8;
        let block = vec![fill; size];
        assert!(vec![0u8; size].iter().all(|byte| *byte == 0));
        assert!(block.iter().all(|byte| *byte == fill));
        if size % 7 == 0 {
            kept.push((fill, block));
        }
    }
    let pages: Vec<Box<Page>> = (0..40).map(|fill| Box::new(Page([fill; 4096]))).collect();
    assert!(kept.iter().all(|(fill, block)| block.iter().all(|byte| byte == fill)));
    for (fill, page) in pages.iter().enumerate() {
        assert_eq!((page.0.as_ptr() as usize) % 4096, 0);
        assert!(page.0.iter().all(|byte| usize::from(*byte) == fill));
    }
}

#[test]
fn what_grows_and_shrinks_keeps_its_beginning() {
    let mut text = String::new();
    let mut places = BTreeMap::new();
    for number in 0..20_000 {
        places.insert(number, text.len());
        text.push_str(&number.to_string());
        if number % 1000 == 0 {
            text.shrink_to_fit();
        }
    }
    for (number, place) in &places {
        assert!(text[*place..].starts_with(&number.to_string()));
    }
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            std::thread::spawn(move || (0..2000).map(|n| format!("{thread}-{n}")).collect::<Vec<_>>())
        })
        .collect();
    assert!(threads.into_iter().all(|thread| thread.join().unwrap().len() == 2000));
}
