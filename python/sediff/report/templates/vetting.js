function vet() {
  'use strict';
  var body = document.body, bar = document.getElementById('vetting');
  if (!bar) { return; }
  var list = document.getElementById('list'), season = body.dataset.season, exposure = body.dataset.exposure;
  var key = 'sediff votes ' + season + ' ' + exposure, KINDS = ['real', 'bogus', 'unsure', ''];
  var rows = list ? Array.prototype.slice.call(list.tBodies[0].rows) : [];
  var comment = document.getElementById('comment'), votes = {}, session = {}, kept = true, picked = null;
  function all(selector, use) { Array.prototype.forEach.call(document.querySelectorAll(selector), use); }

  /* Votes: id -> {vote, comment, time}. The newest of each wins, from the browser's storage, another tab or the link here. */
  function good(id, one) {
    return /^[0-9]{1,19}$/.test(id) && one && KINDS.indexOf(one.vote) >= 0 && typeof one.comment === 'string' &&
      one.comment.length <= 2000 && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$/.test(one.time);
  }
  function merge(found, target) {
    Object.keys(found || {}).forEach(function (id) {
      if (good(id, found[id]) && !(target[id] && target[id].time > found[id].time)) {
        target[id] = { vote: found[id].vote, comment: found[id].comment.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, ' '), time: found[id].time };
      }
    });
  }
  function parsed(text) {
    try { return JSON.parse(text); } catch (error) { return null; }
  }
  function load() {
    try { merge(parsed(localStorage.getItem(key)), votes); } catch (error) { kept = false; }
  }
  function save() {
    try { load(); localStorage.setItem(key, JSON.stringify(votes)); kept = true; } catch (error) { kept = false; }
  }
  function arrived() {
    var words = {};
    location.hash.slice(1).split('&').forEach(function (word) {
      var at = word.indexOf('=');
      try { words[word.slice(0, at)] = decodeURIComponent(word.slice(at + 1)); } catch (error) { /* not ours */ }
    });
    if (words.votes) {
      merge(parsed(words.votes), votes);
      merge(parsed(words.votes), session);
      save();
      try { history.replaceState(null, '', words.c ? '#c=' + words.c : location.pathname); } catch (error) { /* it only looks long */ }
    }
    return words.c;
  }
  /* Some browsers give each file: page a storage of its own; the votes of this visit travel in the links between the pages. */
  function carried(href) {
    var at = href.indexOf('#'), hash = at < 0 ? [] : [href.slice(at + 1).replace(/&?votes=.*$/, '')];
    if (Object.keys(session).length) { hash.push('votes=' + encodeURIComponent(JSON.stringify(session))); }
    hash = hash.filter(Boolean).join('&');
    return (at < 0 ? href : href.slice(0, at)) + (hash ? '#' + hash : '');
  }
  function pack(event) {
    var link = event.target.closest && event.target.closest('a.own');
    if (link) { link.setAttribute('href', carried(link.getAttribute('href'))); }
  }
  function go(href) { if (href) { location.href = carried(href); } }

  function current() { return list ? picked && picked.dataset.id : body.dataset.candidate; }
  function put(change) {
    var id = current();
    if (!id) { return; }
    var old = votes[id] || { vote: '', comment: '' }, one = { vote: old.vote, comment: old.comment, time: new Date().toISOString() };
    Object.keys(change).forEach(function (name) { one[name] = change[name]; });
    votes[id] = session[id] = one;
    save();
    if (list) { mark(picked); }
    show();
  }
  function vote(kind) {
    put({ vote: kind });
    if (kind && document.getElementById('advance').checked) { step(1); }
  }
  function said(id) { return votes[id] || { vote: '', comment: '' }; }
  function mark(row) {
    var one = said(row.dataset.id), cell = row.querySelector('.vote');
    row.dataset.vote = one.vote;
    cell.textContent = one.vote;
    cell.classList.toggle('blank', !one.vote && !one.comment);
    if (one.comment) { cell.appendChild(document.createElement('small')).textContent = one.comment; }
  }
  function exported() {
    return Object.keys(votes).filter(function (id) { return votes[id].vote || votes[id].comment; })
      .sort(function (a, b) { return a.length - b.length || (a < b ? -1 : 1); });
  }
  function show() {
    var id = current(), one = said(id), number = exported().length;
    all('.vetting [data-kind]', function (button) {
      button.setAttribute('aria-pressed', String(Boolean(one.vote) && button.dataset.kind === one.vote));
      button.disabled = !id;
    });
    comment.disabled = !id;
    if (document.activeElement !== comment) { comment.value = one.comment; }
    document.getElementById('of').textContent = id ? 'candidate …' + id.slice(-6) : 'j / k choose a candidate';
    document.getElementById('state').textContent = number + (number === 1 ? ' vote' : ' votes') + (kept ? '' : ', not kept by this browser: export them');
    all('[data-export]', function (button) { button.disabled = !number; });
  }
  function cell(text) { return /[",]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text; }
  function file(format) {
    if (format === 'json') {
      return JSON.stringify({ season: Number(season), exposure: Number(exposure), votes: exported().map(function (id) {
        return { candidate: id, vote: votes[id].vote, comment: votes[id].comment, time: votes[id].time };
      }) }, null, 1) + '\n';
    }
    return ['candidate,vote,comment,time,season,exposure'].concat(exported().map(function (id) {
      return [id, votes[id].vote, cell(votes[id].comment), votes[id].time, season, exposure].join(',');
    })).join('\n') + '\n';
  }
  function download(format) {
    var link = document.createElement('a'), url = URL.createObjectURL(new Blob([file(format)], { type: format === 'json' ? 'application/json' : 'text/csv' }));
    link.href = url;
    link.download = 'votes_' + exposure + '_dp' + season + '.' + format;
    document.body.appendChild(link);
    link.click();
    link.remove();
    setTimeout(function () { URL.revokeObjectURL(url); }, 10000);
  }

  /* A file of votes, an older export or a colleague's: what says more is taken; what contradicts is shown and taken on demand. */
  function differ(a, b) { return a && b && a !== b; }
  function adopt(id, theirs) {
    var mine = said(id), one = { vote: theirs.vote || mine.vote, comment: theirs.comment || mine.comment,
      time: votes[id] ? new Date().toISOString() : theirs.time };
    votes[id] = one;
    if (!kept) { session[id] = one; }
  }
  function take(found) {
    var told = { taken: 0, same: 0, elsewhere: 0, conflicts: [] }, here = {};
    rows.forEach(function (row) { here[row.dataset.id] = true; });
    load();
    Object.keys(found).forEach(function (id) {
      var theirs = found[id], mine = said(id), back = votes[id] && !mine.vote && !mine.comment && mine.time > theirs.time;
      if (!here[id]) { told.elsewhere += 1; } else if (differ(mine.vote, theirs.vote) || differ(mine.comment, theirs.comment)) {
        told.conflicts.push(id);
      } else if (back || (!theirs.vote || mine.vote) && (!theirs.comment || mine.comment)) { told.same += 1; } else { adopt(id, theirs); told.taken += 1; }
    });
    return told;
  }
  function words(one) { return (one.vote || 'no vote') + (one.comment ? ', "' + one.comment + '"' : '') + ' (' + one.time.slice(0, 16).replace('T', ' ') + ' UTC)'; }
  function element(parent, name, text) {
    var made = parent.appendChild(document.createElement(name));
    made.textContent = text;
    return made;
  }
  function conflict(table, id, theirs) {
    var line = table.insertRow(), texts = [id, words(said(id)), words(theirs)], choice;
    texts.forEach(function (text, k) {
      var one = element(line, 'td', text);
      one.className = 'left';
      one.dataset.name = ['candidate', 'here', 'in the file'][k];
    });
    choice = element(element(line, 'td', ''), 'button', 'take that of the file');
    choice.type = 'button';
    choice.addEventListener('click', function () {
      adopt(id, theirs);
      refresh();
      line.remove();
      table.parentNode.hidden = !table.rows.length;
    });
  }
  function refresh() {
    save();
    rows.forEach(mark);
    show();
  }
  function imported(name, text, problem) {
    var panel = document.getElementById('imported'), told = panel.querySelector('p'), table = panel.querySelector('table'), found, what;
    table.tBodies[0].textContent = '';
    try {
      if (problem) { throw new Error(problem); }
      found = readVotes(text, season);
      what = take(found);
      told.textContent = name + ': ' + what.taken + ' taken, ' + what.same + ' say nothing new' +
        (what.elsewhere ? ', ' + what.elsewhere + ' of candidates that are not on this page' : '') +
        (what.conflicts.length ? '. ' + what.conflicts.length + ' contradict what is here, which stays until you take the other:' : '.');
      told.className = '';
      what.conflicts.forEach(function (id) { conflict(table.tBodies[0], id, found[id]); });
      refresh();
    } catch (error) {
      told.textContent = name + ', ' + error.message + '. Nothing was taken.';
      told.className = 'warning';
    }
    table.hidden = !table.tBodies[0].rows.length;
    panel.hidden = false;
    panel.scrollIntoView({ block: 'nearest' });
  }
  function receive(input) {
    var chosen = input.files[0];
    if (!chosen) { return; }
    if (chosen.size > 50e6) { imported(chosen.name, '', 'it is larger than 50 MB: no file of votes'); } else {
      chosen.text().then(function (text) { imported(chosen.name, text); },
        function () { imported(chosen.name, '', 'it cannot be read by this browser'); });
    }
    input.value = '';
  }

  /* The table of the index. */
  var view = { sort: 'score', up: false }, fields = ['threshold', 'snr', 'mag', 'seen', 'ccd', 'votes', 'fakes', 'stars'];
  function value(id) { return document.getElementById('f-' + id); }
  function number(id) { return value(id).value.trim() === '' ? null : Number(value(id).value); }
  function filter() {
    var limit = Number(value('threshold').value), snr = number('snr'), mag = number('mag'), seen = number('seen'), ccd = number('ccd');
    var wanted = value('votes').value, shown = 0;
    document.getElementById('level').textContent = limit.toFixed(2);
    rows.forEach(function (row) {
      var d = row.dataset, keep = Number(d.score) >= limit && (snr === null || Number(d.snr) >= snr) && (mag === null || Number(d.mag) <= mag) &&
        (seen === null || Number(d.n) >= seen) && (ccd === null || Number(d.ccd) === ccd) &&
        (wanted === 'any' || (d.vote || 'none') === wanted) && (value('fakes').checked || !d.fake) && (value('stars').checked || !d.star);
      row.hidden = !keep;
      shown += keep ? 1 : 0;
    });
    document.getElementById('count').textContent = shown + ' of ' + rows.length + ' candidates shown';
    document.getElementById('nothing').hidden = shown > 0;
    remember();
  }
  function sort(by, up) {
    view = { sort: by, up: up };
    all('#list th', function (th) { th.removeAttribute('aria-sort'); });
    var button = list.querySelector('th button[data-key=' + by + ']'), text = by === 'host' || by === 'vote';
    button.closest('th').setAttribute('aria-sort', up ? 'ascending' : 'descending');
    rows.sort(function (a, b) {
      var x = a.dataset[by] || '', y = b.dataset[by] || '';
      return (up ? 1 : -1) * (text ? (x < y ? -1 : x > y ? 1 : 0) : Number(x) - Number(y)) || Number(a.dataset.rank) - Number(b.dataset.rank);
    });
    var parts = document.createDocumentFragment();
    rows.forEach(function (row) { parts.appendChild(row); });
    list.tBodies[0].appendChild(parts);
    remember();
  }
  function remember() {
    var state = { sort: view.sort, up: view.up };
    fields.forEach(function (id) { state[id] = value(id).type === 'checkbox' ? value(id).checked : value(id).value; });
    try { sessionStorage.setItem(key + ' view', JSON.stringify(state)); } catch (error) { /* a new visit starts anew */ }
  }
  function recall() {
    var state = null;
    try { state = parsed(sessionStorage.getItem(key + ' view')); } catch (error) { /* as above */ }
    if (!state) { return; }
    fields.forEach(function (id) {
      if (typeof state[id] === 'boolean') { value(id).checked = state[id]; } else if (typeof state[id] === 'string') { value(id).value = state[id]; }
    });
    if (list.querySelector('th button[data-key="' + String(state.sort).replace(/[^a-z]/g, '') + '"]')) { sort(state.sort, Boolean(state.up)); }
  }
  /* Stamps far down the table are drawn when they come near, or before the page is printed. */
  function draw(image) {
    image.src = image.dataset.src;
    image.removeAttribute('data-src');
  }
  function lazily() {
    var near = 'IntersectionObserver' in window ? new IntersectionObserver(function (seen) {
      seen.forEach(function (one) {
        if (one.isIntersecting) { near.unobserve(one.target); draw(one.target); }
      });
    }, { rootMargin: '1500px 0px' }) : null;
    all('#list img[data-src]', function (image) { if (near) { near.observe(image); } else { draw(image); } });
    window.addEventListener('beforeprint', function () { all('#list img[data-src]', draw); });
  }
  function pick(row) {
    if (picked) { picked.classList.remove('picked'); picked.removeAttribute('aria-current'); }
    picked = row;
    if (row) { row.classList.add('picked'); row.setAttribute('aria-current', 'true'); row.scrollIntoView({ block: 'nearest' }); }
    show();
  }
  function step(by) {
    if (!list) { go(by > 0 ? body.dataset.next : body.dataset.previous); return; }
    var shown = rows.filter(function (row) { return !row.hidden; }), at = picked ? rows.indexOf(picked) : -1;
    var later = shown.filter(function (row) { return by > 0 ? rows.indexOf(row) > at : rows.indexOf(row) < at; });
    var next = by > 0 ? later[0] : later[later.length - 1];
    if (next) { pick(next); }
  }
  function open() {
    if (list) { if (picked && picked.querySelector('a.own')) { go(picked.querySelector('a.own').getAttribute('href')); } } else { go(body.dataset.index); }
  }

  document.addEventListener('keydown', function (event) {
    var inside = event.target.closest && event.target.closest('input, select, textarea');
    if (event.key === 'Escape' && inside) { inside.blur(); return; }
    if (inside && inside.type !== 'range' && inside.type !== 'checkbox' || event.ctrlKey || event.altKey || event.metaKey) { return; }
    var does = { j: function () { step(1); }, k: function () { step(-1); }, r: function () { vote('real'); }, b: function () { vote('bogus'); },
      '?': function () { vote('unsure'); }, u: function () { vote(''); }, o: open, i: function () { if (!list) { open(); } },
      c: function () { comment.focus(); comment.select(); } }[event.key];
    if (does) { event.preventDefault(); does(); }
  });
  document.addEventListener('click', pack, true);
  document.addEventListener('auxclick', pack, true);
  bar.addEventListener('click', function (event) {
    var button = event.target.closest('button');
    if (!button) { return; }
    if (button.dataset.kind !== undefined) { vote(said(current()).vote === button.dataset.kind ? '' : button.dataset.kind); }
    if (button.dataset.export) { download(button.dataset.export); }
    if (button.dataset.step) { step(Number(button.dataset.step)); }
    button.blur();
  });
  bar.querySelector('form').addEventListener('submit', function (event) { event.preventDefault(); comment.blur(); });
  comment.addEventListener('input', function () { put({ comment: comment.value }); });
  comment.addEventListener('blur', show);
  window.addEventListener('storage', function (event) { if (event.key === key) { load(); rows.forEach(mark); show(); } });
  window.addEventListener('pageshow', function (event) { if (event.persisted) { load(); rows.forEach(mark); show(); } });
  var advance = document.getElementById('advance');
  try { advance.checked = localStorage.getItem('sediff advance') === '1'; } catch (error) { /* off */ }
  advance.addEventListener('change', function () {
    try { localStorage.setItem('sediff advance', advance.checked ? '1' : '0'); } catch (error) { /* for this page only */ }
  });

  load();
  var came = arrived();
  bar.hidden = false;
  if (list) {
    document.getElementById('toolbar').hidden = false;
    rows.forEach(mark);
    if (!rows.some(function (row) { return row.dataset.fake; })) { value('fakes').closest('label').hidden = true; }
    if (!rows.some(function (row) { return row.dataset.star; })) { value('stars').closest('label').hidden = true; }
    list.querySelector('th button[data-key=score]').closest('th').setAttribute('aria-sort', 'descending');
    recall();
    fields.forEach(function (id) { value(id).addEventListener(value(id).tagName === 'SELECT' ? 'change' : 'input', filter); });
    document.getElementById('toolbar').addEventListener('submit', function (event) { event.preventDefault(); });
    list.tHead.addEventListener('click', function (event) {
      var button = event.target.closest('button');
      if (button) {
        var same = view.sort === button.dataset.key, rising = ['ra', 'ccd', 'mag', 'host'].indexOf(button.dataset.key) >= 0;
        sort(button.dataset.key, same ? !view.up : rising);
      }
    });
    list.tBodies[0].addEventListener('click', function (event) { if (!event.target.closest('a')) { pick(event.target.closest('tr')); } });
    document.getElementById('import').hidden = false;
    document.getElementById('import').addEventListener('click', function () { document.getElementById('votes-file').click(); });
    document.getElementById('votes-file').addEventListener('change', function (event) { receive(event.target); });
    document.getElementById('imported-close').addEventListener('click', function () { document.getElementById('imported').hidden = true; });
    filter();
    document.documentElement.classList.remove('arriving');
    lazily();
    pick(rows.filter(function (row) { return row.dataset.id === came; })[0] || null);
  } else {
    show();
  }
}
document.documentElement.classList.add('arriving');
document.addEventListener('DOMContentLoaded', function () {
  try { vet(); } finally { document.documentElement.classList.remove('arriving'); }
});
