"""The page that shows orders as they come, and its script: no other site has a part in it.

What an event says is put on the page as text, never as markup. Never here: HTTP, or a credential.
"""

from __future__ import annotations

from typing import Final

POLICY: Final = "default-src 'none'; script-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'"
SCRIPT_PATH: Final = "/orders.js"

HTML: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Orders</title>
<h1>Orders</h1>
<p id="state" role="status">connecting</p>
<form id="login" hidden>
<label>Token <input id="token" type="password" autocomplete="off" required></label>
<button>Follow</button>
</form>
<ol id="orders" reversed></ol>
<script src="/orders.js"></script>
</html>
"""

SCRIPT: Final = """"use strict";
const EVENTS = ["order-created", "order-updated", "order-completed", "order-cancelled"];
const MOST_LINES = 100;
const [state, login, token, orders] = ["state", "login", "token", "orders"].map((id) => document.getElementById(id));

function say(text) {
  state.textContent = text;
}

function show(event) {
  const order = JSON.parse(event.data);
  const line = document.createElement("li");
  line.textContent = `${event.lastEventId} ${event.type}: ${order.orderId} is ${order.status}`;
  orders.prepend(line);
  while (orders.childElementCount > MOST_LINES) orders.lastElementChild.remove();
}

function follow() {
  const source = new EventSource("/v1/orders/events");
  for (const name of EVENTS) source.addEventListener(name, show);
  source.onopen = () => { login.hidden = true; say("live"); };
  // Both what the server says under this name and the loss of the connection come here.
  source.onerror = (event) => {
    if (event instanceof MessageEvent) { say(`error: ${JSON.parse(event.data).message}`); return; }
    if (source.readyState !== EventSource.CLOSED) { say("reconnecting"); return; }
    login.hidden = false;
    say("a token is needed, or the server does not answer");
  };
}

login.addEventListener("submit", async (event) => {
  event.preventDefault();
  const asked = await fetch("/v1/session", { method: "POST", headers: { Authorization: `Bearer ${token.value}` } });
  token.value = "";
  if (asked.ok) follow(); else say("this token is not known");
});
follow();
"""
