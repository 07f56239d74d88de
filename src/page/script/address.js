
// The address is `#anchor?study.option=value&...`: an anchor, and whatever is not as at first.
const place = { anchor: "", options: new URLSearchParams() };

function readAddress() {
  const hash = location.hash.slice(1), at = hash.indexOf("?");
  place.anchor = at < 0 ? hash : hash.slice(0, at);
  if (at >= 0) place.options = new URLSearchParams(hash.slice(at + 1));
  return at >= 0;
}
function optionsOf(id) {
  const own = [...place.options].filter(([key]) => key.slice(0, key.lastIndexOf(".")) === id);
  return new Map(own.map(([key, value]) => [key.slice(id.length + 1), value]));
}
function writeAddress() {
  const text = place.options.toString();
  history.replaceState(null, "", `#${place.anchor}${text ? `?${text}` : ""}`);
}
function keepOptions(id, own) {
  const others = [...place.options].filter(([key]) => key.slice(0, key.lastIndexOf(".")) !== id);
  place.options = new URLSearchParams([...others, ...own.map(([key, value]) => [`${id}.${key}`, value])]);
  if (own.length && place.anchor !== id && !place.anchor.startsWith(`${id}/`)) place.anchor = id;
  writeAddress();
}
const joined = (names) => names.map(encodeURIComponent).join(",");
const parted = (text) => text === "" ? [] : text.split(",").map(decodeURIComponent);
