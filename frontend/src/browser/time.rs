//! A steady clock, and waiting.

use wasm_bindgen_futures::JsFuture;

use super::window;

/// Milliseconds on a clock that never jumps.
pub fn now() -> f64 {
    window().performance().map_or(0.0, |clock| clock.now())
}

/// Waits for so many milliseconds.
pub async fn sleep(milliseconds: u32) {
    let wait = i32::try_from(milliseconds).unwrap_or(i32::MAX);
    let promise = js_sys::Promise::new(&mut |resolve, _| {
        // Only fails for a window that is being closed; then nothing waits any more.
        let _ = window().set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, wait);
    });
    let _ = JsFuture::from(promise).await;
}
