// The screen for the room brings itself up to date; without this its browser loads it anew every few seconds.
"use strict";

let asking = false;

async function showAnew() {
  if (asking) return;
  asking = true;
  const gone = document.getElementById("gone");
  try {
    const answer = await fetch(location.href, { credentials: "same-origin", signal: AbortSignal.timeout(8000) });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
    const main = document.querySelector("main");
    if (fresh !== null && fresh.innerHTML !== main.innerHTML) main.replaceWith(fresh);
    gone.hidden = fresh !== null;
  } catch {
    gone.hidden = false;
  } finally {
    asking = false;
  }
}

if (document.getElementById("gone") !== null) setInterval(showAnew, 3000);
