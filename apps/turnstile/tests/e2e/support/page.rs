//! Scripts that read a page like a visitor: by words, not by the names of its elements.

/// All text.
pub const TEXT: &str = "return document.body.innerText";

/// The control with this name: its visible text, or its label. Prefers one of the page itself to
/// one of the frame around all pages.
pub const BY_NAME: &str = "
    const wanted = arguments[0];
    const tidy = text => (text || '').replace(/\\s+/g, ' ').trim();
    const is_named = control => control.checkVisibility()
        && [control.getAttribute('aria-label'), control.innerText].some(name => tidy(name) === wanted);
    const named = root => [...root.querySelectorAll('button, a[href]')].find(is_named);
    const content = document.getElementById('content');
    return (content && named(content)) || named(document) || null";

/// The input that has this label.
pub const BY_LABEL: &str = "
    const wanted = arguments[0];
    const labels = [...document.querySelectorAll('label')];
    const label = labels.find(label => label.innerText.trim() === wanted);
    return label ? label.control : null";

/// Chooses an option by its words, like a visitor: the page is notified.
pub const CHOOSE: &str = "
    const [select, wanted] = arguments;
    const option = [...select.options].find(option => option.text === wanted);
    select.value = option.value;
    select.dispatchEvent(new Event('change', { bubbles: true }));";

/// The name of the focused control; its ID, if it has no words.
pub const FOCUSED: &str = "
    const on = document.activeElement;
    if (!on || on === document.body) return '';
    const label = on.labels && on.labels[0];
    const words = on.getAttribute('aria-label') || (label ? label.innerText : on.innerText);
    return on.tabIndex < 0 ? on.id : (words || on.id || '').replace(/\\s+/g, ' ').trim();";
