// The screen for the room brings itself up to date; without this its browser loads it anew every few seconds.
"use strict";

setInterval(async () => {
  try {
    const answer = await fetch(location.href, { credentials: "same-origin" });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
    const main = document.querySelector("main");
    if (fresh !== null && fresh.innerHTML !== main.innerHTML) main.replaceWith(fresh);
  } catch {
    document.getElementById("gone").hidden = false;
    return;
  }
  const gone = document.getElementById("gone");
  if (gone !== null) gone.hidden = true;
}, 3000);
