// The page that waits for a phone: asks itself again every few seconds, shows the newest picture, and goes on by itself
// once the phone has answered. Without this file the page is renewed by the browser and goes on by its button.
(() => {
  const screen = document.getElementById("screen");
  const EVERY = 3000;

  const look = async () => {
    let there = null;
    try {
      const answer = await fetch(location.href, { cache: "no-store" });
      const text = await answer.text();
      there = new DOMParser().parseFromString(text, "text/html").getElementById("screen");
    } catch {
      // The network is away for a moment: the next look may find it back.
      setTimeout(look, EVERY);
      return;
    }
    if (there === null) {
      location.reload();
    } else if (there.dataset.state === "approved") {
      document.getElementById("continue").form.submit();
    } else if (there.dataset.state !== "asked") {
      location.reload();
    } else {
      if (there.dataset.slot !== screen.dataset.slot) {
        screen.dataset.slot = there.dataset.slot;
        document.getElementById("picture").replaceWith(there.querySelector("#picture"));
      }
      setTimeout(look, EVERY);
    }
  };
  setTimeout(look, EVERY);
})();
