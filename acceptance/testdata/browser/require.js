'use strict';

// Loads the modules of npm as they are, so that no bundler stands between JsSIP
// and the browser.
const mains = {
  jssip: 'node_modules/jssip/lib/JsSIP.js',
  debug: 'node_modules/debug/src/browser.js',
  ms: 'node_modules/ms/index.js',
  events: 'node_modules/events/events.js',
  'sdp-transform': 'node_modules/sdp-transform/lib/index.js',
};
const modules = new Map();

function load(url) {
  if (modules.has(url)) return modules.get(url).exports;
  const request = new XMLHttpRequest();
  request.open('GET', url, false);
  request.send();
  if (request.status !== 200) throw new Error(`${url}: ${request.status}`);
  const module = { exports: {} };
  modules.set(url, module);
  if (url.endsWith('.json')) {
    module.exports = JSON.parse(request.responseText);
  } else {
    const near = (name) => {
      if (!name.startsWith('.')) return load(new URL(mains[name], document.baseURI).href);
      return load(new URL(/\.js(on)?$/.test(name) ? name : `${name}.js`, url).href);
    };
    new Function('module', 'exports', 'require', 'process', request.responseText)(module, module.exports, near, undefined);
  }
  return module.exports;
}

function require(name) { // eslint-disable-line no-unused-vars
  return load(new URL(mains[name], document.baseURI).href);
}
