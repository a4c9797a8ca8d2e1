// Goes on once every service's frame has been loaded, or could not be within five seconds.
(() => {
  const onward = document.getElementById("onward");
  const frames = [...document.querySelectorAll("iframe")];
  let missing = frames.length;
  const go = () => location.replace(onward.href);
  const one = () => { missing -= 1; if (missing === 0) go(); };
  for (const frame of frames) {
    frame.addEventListener("load", one, { once: true });
    frame.addEventListener("error", one, { once: true });
    frame.src = frame.dataset.src;
  }
  setTimeout(go, 5000);
})();
