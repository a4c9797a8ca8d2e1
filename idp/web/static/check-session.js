// Answers a service's frame: unchanged, changed or error (OpenID Connect Session Management 1.0 3.2, 3.3).
(() => {
  const name = document.currentScript.dataset.cookie + "=";

  function browserState() {
    const found = document.cookie.split("; ").find((each) => each.startsWith(name));
    return found ? found.slice(name.length) : "";
  }

  async function digest(text) {
    const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
    return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  }

  async function answer(message, origin) {
    const found = typeof message === "string" && /^([\x21-\x7e]{1,255}) ([\w-]{43})\.([\w-]{1,64})$/.exec(message);
    if (!found) return "error";
    const [, clientId, known, salt] = found;
    return (await digest(`${clientId} ${origin} ${browserState()} ${salt}`)) === known ? "unchanged" : "changed";
  }

  addEventListener("message", async (event) => {
    if (event.source && event.origin !== "null") event.source.postMessage(await answer(event.data, event.origin), event.origin);
  });
})();
