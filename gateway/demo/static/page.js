// The page of the demonstration: two worklists, one study open in both.

import { date, first, getJson, personName, values } from './dicomweb.js';
import { KINDS, compare } from './differences.js';
import { commandsFor, uplinkCommands } from './commands.js';
import { hasPixels, loadFrame } from './picture.js';
import { send, sentStudies } from './uplink.js';

const { before, after, names, pairs, worklist, destination, store, uplink } = document.body.dataset;
const SIDES = { before, after };
const $ = (id) => document.getElementById(id);

const state = { pairs: [], open: -1, positions: [], at: 0, turn: 0, playing: false, shown: 'changed', client: 'curl', rows: [] };
const cache = new Map();
const nameOf = new Map();

function make(tag, { text, ...properties } = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  if (text !== undefined) element.textContent = text;
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function cached(key, load) {
  if (!cache.has(key)) {
    if (cache.size > 400) cache.delete(cache.keys().next().value);
    cache.set(key, load().catch((error) => { cache.delete(key); throw error; }));
  }
  return cache.get(key);
}

// Studies

const FIELDS = 'includefield=00081030&includefield=00080090';
const modality = (study) => values(study, '00080061').join(' ');

// Which study is which, nobody but the holder of the secret can say: the server of the demonstration does.
function align(left, right, released) {
  const found = new Map(right.map((study) => [first(study, '0020000D'), study]));
  return left.map((study) => ({ before: study, after: found.get(released[first(study, '0020000D')]) ?? null }));
}

async function start() {
  const [left, right, released] = await Promise.all([
    getJson(`${before}/studies?${FIELDS}`), getJson(`${after}/studies?${FIELDS}`), getJson(pairs)]);
  state.pairs = align(left, right, released);
  const instances = left.reduce((sum, study) => sum + (first(study, '00201208') ?? 0), 0);
  $('status').textContent = `${left.length} studies, ${instances} instances`;
  $('studies').replaceChildren(...state.pairs.map(studyRow));
  $('pseudonyms').hidden = new Set(left.map((study) => first(study, '00100020'))).size === left.length;
  $('base').textContent = location.origin + after;
  showSent().catch(() => {});
  await open(0);
}

function studyRow(pair, index) {
  const row = make('tr');
  const button = make('button', { type: 'button' });
  button.setAttribute('aria-pressed', 'false');
  row.append(...cells(pair.before, 'before', 'l', button));
  row.append(make('td', { className: 'middle' }, make('span', { className: 'tagged', text: modality(pair.before) || '–' })));
  row.append(...cells(pair.after, 'after', 'r'));
  row.addEventListener('click', () => open(index));
  button.addEventListener('keydown', (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !state.pairs[index + step]) return;
    event.preventDefault();
    $('studies').rows[index + step].querySelector('button').focus();
    open(index + step);
  });
  return row;
}

function cells(study, side, className, button) {
  if (!study) return [1, 2, 3, 4].map((n) => make('td', { className: `${className} c${n} none`, text: n === 1 ? 'not in this worklist' : '' }));
  const name = personName(first(study, '00100010'), 2) || '–';
  if (button) Object.assign(button, { textContent: name, title: name });
  const who = make('span', {}, button ?? make('strong', { className: 'line', text: name, title: name }), make('small', { text: first(study, '00100020') ?? '' }));
  const dot = make('span', { className: `dot dot-${patientNumber(study, side) % 8}`, ariaHidden: 'true' });
  const contents = [
    make('div', { className: 'patient' }, dot, who),
    make('span', {}, plain(date(first(study, '00100030'))), make('small', { text: first(study, '00100040') ?? '' })),
    make('span', {}, plain(date(first(study, '00080020'))), make('small', { text: first(study, '00081030') ?? '', title: first(study, '00081030') ?? '' })),
    plain(first(study, '00080050')),
  ];
  return contents.map((content, n) => make('td', { className: `${className} c${n + 1}` }, content));
}

const plain = (value) => (value === undefined || value === '' ? make('span', { className: 'muted', text: '–' }) : String(value));

function patientNumber(study, side) {
  const known = [...new Set(state.pairs.map((pair) => first(pair[side], '00100020')))];
  return known.indexOf(first(study, '00100020'));
}

// The open study

async function open(index) {
  if (index === state.open || !state.pairs[index]) return;
  stop();
  state.open = index;
  [...$('studies').rows].forEach((row, n) => {
    row.classList.toggle('open', n === index);
    row.querySelector('button').setAttribute('aria-pressed', String(n === index));
  });
  $('pair').setAttribute('aria-busy', 'true');
  showLinks();
  showCommands();
  const turn = (state.turn += 1);
  try {
    const [left, right] = await Promise.all(Object.keys(SIDES).map((side) => instancesOf(side, state.pairs[index][side])));
    if (turn !== state.turn) return;
    state.positions = left.flatMap((instance, n) => Array.from({ length: instance.frames }, (_, frame) => (
      { before: instance, after: right[n] ?? null, frame: frame + 1, of: instance.frames })));
    const middle = left.length > 1 ? Math.floor(state.positions.length / 2) : 0;
    const slider = $('position');
    [slider.max, slider.value] = [state.positions.length, middle + 1];
    $('stepper').hidden = state.positions.length < 2;
    await show(middle);
  } catch (error) { failed(error, turn); }
}

async function instancesOf(side, study) {
  if (!study) return [];
  const studyUrl = `${SIDES[side]}/studies/${first(study, '0020000D')}`;
  return cached(studyUrl, async () => {
    const series = await getJson(`${studyUrl}/series`);
    if (!series.length) return [];
    series.sort((a, b) => (first(a, '00200011') ?? 0) - (first(b, '00200011') ?? 0));
    const seriesUrl = `${studyUrl}/series/${first(series[0], '0020000E')}`;
    const found = await getJson(`${seriesUrl}/instances`);
    found.sort((a, b) => (first(a, '00200013') ?? 0) - (first(b, '00200013') ?? 0));
    return found.map((one) => ({ url: `${seriesUrl}/instances/${first(one, '00080018')}`, frames: Number(first(one, '00280008') ?? 1) }));
  });
}

// Null for an instance that its worklist lists and does not let out: what is in it decides that.
const metadata = (instance) => cached(`${instance.url}/metadata`, async () => {
  try {
    return (await getJson(`${instance.url}/metadata`))[0];
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
});

async function show(at) {
  const turn = (state.turn += 1);
  state.at = at;
  const position = state.positions[at];
  const word = position.of > 1 ? 'frame' : 'image';
  $('position-text').textContent = `${word} ${at + 1} of ${state.positions.length}`;
  try {
    const sides = await Promise.all(Object.keys(SIDES).map((side) => prepare(side, position)));
    if (turn !== state.turn) return;
    sides.forEach((draw) => draw());
    const [left, right] = await Promise.all([position.before, position.after].map(async (one) => (one && await metadata(one)) ?? {}));
    $('picture').hidden = !hasPixels(right);
    if (turn === state.turn && !state.playing) await showDifferences(left, right);
    if (turn === state.turn) $('pair').setAttribute('aria-busy', 'false');
  } catch (error) { failed(error, turn); }
}

async function prepare(side, position) {
  const pane = $(`pane-${side}`);
  const instance = position[side];
  const dataSet = instance && await metadata(instance);
  if (!dataSet) return () => pane.replaceChildren(make('p', { className: 'note', text: 'It does not leave: the profile refuses it.' }));
  if (values(dataSet, '0040A730').length || !hasPixels(dataSet)) return () => fill(pane, dataSet, documentOf(dataSet));
  try {
    const { bitmap, stored } = await cached(`${instance.url}#${position.frame}`, () => loadFrame(instance.url, dataSet, position.frame));
    return () => {
      const canvas = make('canvas', { width: bitmap.width, height: bitmap.height });
      canvas.setAttribute('role', 'img');
      canvas.setAttribute('aria-label', `${side}: ${modality({ '00080061': dataSet['00080060'] })} image`);
      canvas.getContext('2d').drawImage(bitmap, 0, 0);
      fill(pane, dataSet, canvas, stored);
    };
  } catch (error) {
    return () => fill(pane, dataSet, make('p', { className: 'note', text: error.message }));
  }
}

// What the attributes say stands above and below the picture: text inside it is burned in.
function fill(pane, dataSet, content, stored = '') {
  const lines = (...texts) => make('p', {}, ...texts.filter(Boolean).flatMap((text, n) => (n ? [make('br'), text] : [text])));
  const name = make('b', { text: personName(first(dataSet, '00100010')) || '–' });
  const born = [date(first(dataSet, '00100030')), first(dataSet, '00100040')].filter(Boolean).join(' · ');
  pane.replaceChildren(
    make('div', { className: 'bar' }, lines(name, first(dataSet, '00100020'), born),
      lines(first(dataSet, '00080080'), date(first(dataSet, '00080020')), first(dataSet, '00080050'))),
    content,
    make('div', { className: 'bar' }, lines(first(dataSet, '0008103E'),
      [first(dataSet, '00080070'), first(dataSet, '00081090')].filter(Boolean).join(' ')), lines(stored)));
}

// A structured report, or any object without pixels: its content tree.
function documentOf(dataSet) {
  const item = (content) => {
    const concept = first(first(content, '0040A043'), '00080104');
    const value = first(content, '0040A160') ?? personName(first(content, '0040A123')) ?? '';
    const measured = first(content, '0040A300');
    const said = value || first(first(content, '0040A168'), '00080104')
      || (measured && `${first(measured, '0040A30A')} ${first(first(measured, '004008EA'), '00080100') ?? ''}`)
      || (first(content, '0040A040') === 'IMAGE' ? 'image' : '');
    const children = values(content, '0040A730').map(item);
    return make('li', {}, concept ? make('span', { className: 'concept', text: `${concept}${said ? ': ' : ''}` }) : null,
      said || '', children.length ? make('ul', {}, ...children) : null);
  };
  const items = values(dataSet, '0040A730').map(item);
  if (!items.length) return make('p', { className: 'note', text: `No picture in this instance (${first(dataSet, '00080060') ?? 'no modality'}).` });
  return make('div', { className: 'document', tabIndex: 0 }, make('ul', {}, ...items));
}

// Differences

async function showDifferences(left, right) {
  state.rows = compare(left, right);
  const unknown = [...new Set(state.rows.map(({ tag }) => tag))].filter((tag) => !nameOf.has(tag));
  if (unknown.length) {
    const found = await (await fetch(`${names}?tags=${unknown.join(',')}`)).json();
    unknown.forEach((tag) => nameOf.set(tag, found[tag] ?? ''));
  }
  const count = (kind) => state.rows.filter((row) => row.kind === kind).length;
  const changed = state.rows.length - count('kept');
  const choices = [['changed', 'Changed', changed], ...Object.entries(KINDS).map(([kind, label]) => [kind, label[0].toUpperCase() + label.slice(1), count(kind)]), ['all', 'All', state.rows.length]];
  chooser($('filters'), choices.filter(([, , n]) => n), state.shown, (chosen) => { state.shown = chosen; drawDifferences(); });
  drawDifferences();
}

function drawDifferences() {
  const wanted = (row) => state.shown === 'all' || row.kind === state.shown || (state.shown === 'changed' && row.kind !== 'kept');
  $('tags').replaceChildren(...state.rows.filter(wanted).map((row) => {
    const group = parseInt(row.tag.slice(0, 4), 16);
    const name = nameOf.get(row.tag) || (group % 2 ? 'private' : 'unknown');
    const cell = (value, className) => make('td', { className: `${className} ${value === '' ? 'empty' : row.vr === 'UI' ? 'uid' : ''}`, text: value || '–' });
    return make('tr', { className: row.kind },
      make('td', { className: `tag depth-${Math.min(row.depth, 4)}`, text: `(${row.tag.slice(0, 4)},${row.tag.slice(4)})` }),
      make('td', { text: name, className: nameOf.get(row.tag) ? '' : 'muted' }),
      cell(row.before, 'old'), cell(row.after, 'new'),
      make('td', {}, make('span', { className: 'chip', text: KINDS[row.kind] })));
  }));
}

function chooser(element, choices, chosen, choose) {
  element.replaceChildren(...choices.map(([value, label, count]) => {
    const button = make('button', { type: 'button', text: label });
    if (count !== undefined) button.append(' ', make('span', { className: 'count', text: count }));
    button.setAttribute('aria-pressed', String(value === chosen));
    button.addEventListener('click', () => {
      [...element.children].forEach((other) => other.setAttribute('aria-pressed', String(other === button)));
      choose(value);
    });
    return button;
  }));
}

// Links and commands

function showLinks() {
  const study = state.pairs[state.open]?.after;
  const url = `${after}/studies/${study && first(study, '0020000D')}`;
  $('links').hidden = !study;
  $('picture').href = `${url}/rendered?accept=image/jpeg`;
  $('download').href = `${url}?accept=application/zip`;
}

function showCommands() {
  const study = state.pairs[state.open]?.after;
  const all = commandsFor(location.origin + after, worklist, study && first(study, '0020000D'), study && first(study, '00100020'));
  chooser($('clients'), Object.keys(all).map((name) => [name, name]), state.client, (chosen) => { state.client = chosen; showCommands(); });
  $('commands').replaceChildren(...all[state.client].map(command));
  const here = location.origin;
  const source = state.pairs[state.open]?.before;
  $('uplink-commands').replaceChildren(
    ...uplinkCommands(here + uplink, here + destination, here + store, source && first(source, '0020000D')).map(command));
}

function command({ title, lines }) {
  const code = make('pre', { tabIndex: 0, text: lines });
  const button = make('button', { type: 'button', className: 'quiet', text: 'Copy' });
  button.setAttribute('aria-label', `Copy: ${title}`);
  button.addEventListener('click', () => copy(lines, code, button));
  return make('div', { className: 'card command' }, make('h3', { text: title }), code, button);
}

async function copy(text, code, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    getSelection().selectAllChildren(code);
    document.execCommand('copy');
  }
  button.textContent = 'Copied';
  setTimeout(() => { button.textContent = 'Copy'; }, 1500);
}

// Sending the open study

$('uplink').addEventListener('click', async () => {
  const study = state.pairs[state.open]?.before;
  if (!study) return;
  $('uplink').disabled = true;
  $('share').hidden = true;
  if (!$('sent').dataset.rows) sentNote('Sending…');
  try {
    await send(uplink, first(study, '0020000D'), showJob);
    await showSent();
  } catch (error) {
    $('uplink-state').textContent = `That failed: ${error.message}`;
    if (!$('sent').dataset.rows) sentNote('Nothing was sent yet.');
  }
  $('uplink').disabled = false;
});

function showJob(job) {
  const refused = job.refused ? `, ${job.refused} refused` : '';
  const failed = job.failed ? `, ${job.failed} failed` : '';
  $('uplink-state').textContent = `${job.state}: ${job.stored} of ${job.total} stored${refused}${failed}`;
  $('share').hidden = !job.share?.url;
  if (job.share?.url) $('share').href = job.share.url;
}

async function showSent() {
  const found = await sentStudies(destination);
  if (!found.length) return;
  const titles = [...document.querySelectorAll('.sent th')].map((one) => one.textContent);
  $('sent').dataset.rows = found.length;
  $('sent').replaceChildren(...found.map((cells) => make('tr', {}, ...cells.map((text, n) => titled(make('td', { text }), titles[n])))));
}

function titled(cell, title) {
  cell.dataset.title = title;
  return cell;
}

function sentNote(text) {
  $('sent').replaceChildren(make('tr', {}, make('td', { className: 'muted', colSpan: 7, text })));
}

// Moving through a series

function stop() {
  state.playing = false;
  $('play').setAttribute('aria-pressed', 'false');
  $('play').textContent = 'Play';
}

async function play() {
  if (state.playing) { stop(); show(state.at); return; }
  state.playing = true;
  $('play').setAttribute('aria-pressed', 'true');
  $('play').textContent = 'Stop';
  while (state.playing) {
    const next = (state.at + 1) % state.positions.length;
    const wait = new Promise((done) => { setTimeout(done, state.positions[next].of > 1 ? 50 : 90); });
    await show(next);
    $('position').value = next + 1;
    await wait;
  }
}

function failed(error, turn) {
  if (turn !== undefined && turn !== state.turn) return;
  stop();
  $('pair').setAttribute('aria-busy', 'false');
  $('status').textContent = `Could not read: ${error.message}`;
  $('status').classList.add('failed');
}

$('position').addEventListener('input', (event) => { stop(); show(Number(event.target.value) - 1); });
$('play').addEventListener('click', play);
start().catch(failed);
