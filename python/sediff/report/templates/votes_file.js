/* readVotes(text, season): what a file of votes holds, CSV or JSON as these pages export them: id -> {vote, comment, time}.
   An Error is thrown whose message says what is wrong and where, as sediff.formats.votes.read_votes does. */
var readVotes = (function () {
  'use strict';
  var COLUMNS = 'candidate,vote,comment,time,season,exposure', KINDS = ['real', 'bogus', 'unsure', ''], LAST = '9223372036854775807';

  function shown(value) { return JSON.stringify(value === undefined ? null : value).replace(/[^ -~]/g, '?').slice(0, 60); }
  function wrong(where, what) { throw new Error(where + ': ' + what); }
  function cells(line, where) {
    var out = [], rest = line, found;
    do {
      found = /^(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/.exec(rest);
      if (!found) { wrong(where, 'a quote is not closed or stands inside a cell'); }
      out.push(found[1] === undefined ? found[2] : found[1].replace(/""/g, '"'));
      rest = rest.slice(found[0].length);
    } while (found[3]);
    return out;
  }
  function fromCsv(text) {
    var lines = text.replace(/\r?\n$/, '').split(/\r?\n/), names = COLUMNS.split(',');
    if (lines[0] !== COLUMNS) { throw new Error('it is no file of votes: its first line must be ' + COLUMNS); }
    return lines.slice(1).map(function (line, k) {
      var where = 'line ' + (k + 2), found = cells(line, where), row = { where: where };
      if (found.length !== names.length) { wrong(where, found.length + ' cells, ' + names.length + ' are needed'); }
      names.forEach(function (name, place) { row[name] = found[place]; });
      return row;
    });
  }
  function fromJson(text) {
    var content;
    try { content = JSON.parse(text); } catch (error) { throw new Error('it is no JSON, or cut short: export the votes again'); }
    if (!content || !Array.isArray(content.votes)) { throw new Error('it is no file of votes: it must be an object with a list "votes"'); }
    return content.votes.map(function (one, k) {
      var where = 'vote ' + (k + 1), row = { where: where, season: content.season, exposure: content.exposure };
      if (!one || typeof one !== 'object') { wrong(where, shown(one) + ' is no vote'); }
      ['candidate', 'vote', 'comment', 'time', 'season', 'exposure'].forEach(function (name) {
        if (Object.prototype.hasOwnProperty.call(one, name)) { row[name] = one[name]; }
      });
      return row;
    });
  }
  function whole(value, name, where) {
    var text = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value;
    if (typeof text !== 'string' || !/^[0-9]{1,19}$/.test(text) || /^0+$/.test(text) || text.length === 19 && text > LAST) {
      wrong(where, name + ' ' + shown(value) + ' must be a positive whole number' + (name === 'candidate' ? ', written as text' : ''));
    }
    return text.replace(/^0+/, '');
  }
  function checked(row) {
    var where = row.where, comment = row.comment;
    if (KINDS.indexOf(row.vote) < 0) { wrong(where, 'vote ' + shown(row.vote) + ' must be real, bogus, unsure or nothing'); }
    if (typeof comment !== 'string' || comment.length > 2000 || /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufffd]/.test(comment)) {
      wrong(where, 'the comment must be one line of at most 2000 characters');
    }
    if (!row.vote && !comment) { wrong(where, 'neither a vote nor a comment'); }
    if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$/.test(row.time) || isNaN(Date.parse(row.time))) {
      wrong(where, 'time ' + shown(row.time) + ' must be like 2026-01-31T23:59:59Z');
    }
    return { id: whole(row.candidate, 'candidate', where), season: whole(row.season, 'season', where),
      exposure: whole(row.exposure, 'exposure', where), vote: row.vote, comment: comment, time: row.time };
  }
  return function (text, season) {
    var votes = {}, plain = text.replace(/^\ufeff/, '');
    (/^\s*[{[]/.test(plain) ? fromJson(plain) : fromCsv(plain)).forEach(function (row) {
      var one = checked(row);
      if (one.season !== season) { wrong(row.where, 'it is of season dp' + one.season + ', this page of dp' + season); }
      if (!votes[one.id] || votes[one.id].time <= one.time) { votes[one.id] = { vote: one.vote, comment: one.comment, time: one.time }; }
    });
    return votes;
  };
}());
