/** Says in the page what became of it. Where no script may run the badge has to do. */

export async function showToast(tabId: number, text: string, tone: 'good' | 'bad'): Promise<void> {
  try {
    await chrome.scripting.executeScript({ target: { tabId }, func: showInPage, args: [text, tone] });
  } catch {
    // Pages of the browser itself and of its shop take no script.
  }
}

/** Runs in the page, so it can use nothing from outside itself. A shadow root keeps the page's style out. */
function showInPage(text: string, tone: 'good' | 'bad'): void {
  const id = 'aibrain-toast';
  document.getElementById(id)?.remove();
  const host = document.createElement('div');
  host.id = id;
  const root = host.attachShadow({ mode: 'closed' });
  const style = new CSSStyleSheet();
  style.replaceSync(`
    p { all: initial; position: fixed; z-index: 2147483647; right: 20px; bottom: 20px; max-width: 320px; padding: 12px 16px;
      border-radius: 12px; background: ${tone === 'good' ? '#4f46e5' : '#b91c1c'}; color: #fff; font: 500 14px/1.4 system-ui, sans-serif;
      box-shadow: 0 8px 30px rgb(0 0 0 / 0.25); animation: come 0.2s ease-out; }
    @keyframes come { from { opacity: 0; transform: translateY(8px); } }
    @media (prefers-reduced-motion: reduce) { p { animation: none; } }`);
  root.adoptedStyleSheets = [style];
  const message = document.createElement('p');
  message.setAttribute('role', 'status');
  message.textContent = text;
  root.append(message);
  document.documentElement.append(host);
  setTimeout(() => host.remove(), 3_000);
}
