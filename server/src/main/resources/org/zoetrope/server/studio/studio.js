// The studio: one page over the public API. Nothing here is a secret door; a program can do all of it.

const $ = id => document.getElementById(id);
const still = matchMedia('(prefers-reduced-motion: reduce)');
const UNFINISHED = ['queued', 'in_progress'];
const PAGE = 24;

const models = new Map();
const weights = new Map(); // name of a model -> what is shown of its weights
const watched = new Map(); // id of an unfinished job -> what is shown of it
let oldest = '';
// What the next video begins with: nothing, a video of this server, or {file, picture, prompt} of the visitor's own.
let base = null;
let way = 'start'; // what is done with it; or 'edit', or 'extend'
let masked = null; // the base that the mask lies over
let marked = false; // whether something is painted in the mask
const PICTURE = /^image\/(png|jpeg)$/, VIDEO = /^video\/|^image\/(gif|webp)$/, VIDEO_NAME = /\.(mkv|avi)$/i;
const FETCH = 'Fetch one (zoetrope pull THUDM/CogVideoX-5b-I2V) and start the server with --model for it.';
const ACTIONS = {edit: 'edit', remix: 'start', extend: 'extend'}; // button of the viewer -> way
let shown = null; // the video in the viewer

// ---------------------------------------------------------------- talking to the server

class Refusal extends Error {
    constructor(status, body) {
        super(body?.error?.message ?? `the server answered ${status}`);
        this.status = status;
    }
}

async function ask(path, options = {}) {
    let response;
    try {
        response = await fetch(path, options);
    } catch {
        $('health').textContent = 'The server does not answer.';
        throw new Refusal(0, {error: {message: 'the server does not answer; is it still running?'}});
    }
    $('health').textContent = '';
    if (response.status === 401) {
        await askForKey();
        return ask(path, options);
    }
    const text = await response.text();
    const body = text ? JSON.parse(text) : null;
    if (!response.ok) throw new Refusal(response.status, body);
    return body;
}

let keyAsked = null;

function askForKey() {
    keyAsked ??= new Promise(resolve => {
        $('key-dialog').showModal();
        $('key-form').onsubmit = async event => {
            event.preventDefault();
            const sent = await fetch('/studio/key', {method: 'POST', headers: {'Content-Type': 'application/json'},
                body: JSON.stringify({key: $('key').value})});
            if (sent.ok && (await fetch('/v1/models')).ok) {
                $('key-dialog').close();
                keyAsked = null;
                resolve();
            } else {
                say($('key-error'), 'This key is unknown here.');
            }
        };
    });
    return keyAsked;
}

function say(element, text) {
    element.textContent = text;
    element.hidden = !text;
}

let quiet = 0; // timer of what is said at the edge of the page

function announce(text) {
    clearTimeout(quiet);
    $('announcer').textContent = text;
    quiet = setTimeout(() => { $('announcer').textContent = ''; }, 8000);
}

// ---------------------------------------------------------------- asking for a video

function modelChosen() {
    const model = models.get($('model').value);
    say($('form-error'), model?.error ?? '');
    shape();
}

async function submit(event) {
    event?.preventDefault();
    say($('form-error'), '');
    if (!$('prompt').value.trim()) {
        say($('form-error'), 'Write a prompt first.');
        $('prompt').focus();
        return;
    }
    const body = new FormData();
    for (const name of fields()) {
        const value = $('form').elements[name].value.trim();
        if (value) body.set(name, value);
    }
    const width = $('width').value || $('width').placeholder, height = $('height').value || $('height').placeholder;
    const sized = !base || way === 'start' && base.file;
    if (sized && ($('width').value || $('height').value)) body.set('size', `${width}x${height}`);
    if (base && way === 'start' && !base.picture) body.set('strength', $('strength').value);
    if (base?.file) body.set(way === 'start' ? 'input_reference' : 'video', base.file, base.file.name);
    else if (base && way !== 'start') body.set('video[id]', base.id);
    if (base && way === 'edit' && marked) body.set('mask', await mask(), 'mask.png');
    $('go').disabled = true;
    try {
        const video = await ask(door(), {method: 'POST', body,
            headers: {'Idempotency-Key': crypto.randomUUID?.() ?? String(Math.random())}});
        announce('The video is in the queue.');
        watch(video);
    } catch (e) {
        say($('form-error'), e.message);
    } finally {
        $('go').disabled = false;
    }
}

// Which fields of the form are sent as they are.
function fields() {
    const edits = base && way === 'edit';
    return ['prompt', 'negative_prompt', 'seed', 'steps', 'guidance_scale', 'speed',
        ...(edits ? ['source_prompt', 'method'] : ['num_frames', 'fps']), ...(base?.id ? [] : ['model'])];
}

function door() {
    if (base && way === 'edit') return '/v1/videos/edits';
    if (base && way === 'extend') return '/v1/videos/extensions';
    return base?.id ? `/v1/videos/${base.id}/remix` : '/v1/videos';
}

// ---------------------------------------------------------------- what the next video begins with

const installed = takesImage => [...models.values()].find(m => !m.error && m.takes_image === takesImage);

// Why something cannot be done with what a video begins with; empty if it can.
function why(how, from) {
    if (how === 'extend') {
        return installed(true) ? '' : 'To extend a video takes a model that starts from a picture, and none is '
            + `installed here. ${FETCH}`;
    }
    if (from.picture) {
        return installed(true) ? '' : 'None of the models that are installed here starts from a picture. ' + FETCH;
    }
    if (from.id) {
        return models.get(from.made_by)?.takes_image ? `${from.made_by}, which made this video, starts from a picture: `
            + 'it neither edits a video nor starts from one.' : '';
    }
    return installed(false) ? '' : 'To edit a video, or to start from one, takes a model that starts from words alone, '
        + 'and none is installed here.';
}

// Takes the first of these files that the next video can begin with.
function take(files) {
    const file = [...files].find(f => PICTURE.test(f.type) || VIDEO.test(f.type) || VIDEO_NAME.test(f.name));
    const own = file && {file, picture: PICTURE.test(file.type), prompt: ''};
    const how = own && (own.picture ? ['start'] : ['edit', 'start', 'extend']).find(one => !why(one, own));
    if (!how) {
        $('upload').value = '';
        say($('form-error'), file ? why('start', own) : 'This is neither a video (mp4, mov, mkv, webm, gif, webp, avi) '
            + 'nor a picture (png, jpeg).');
        return;
    }
    say($('form-error'), '');
    startFrom(own, how);
    (own.picture ? $('prompt') : document.querySelector('#ways :checked')).focus();
    look(own);
}

// Finds the first frame of the visitor's own file, if this browser can show it.
async function look(own) {
    const address = URL.createObjectURL(own.file);
    try {
        const picture = own.file.type.startsWith('image/') ? new Image() : document.createElement('video');
        const seen = new Promise((yes, no) => {
            picture.onload = picture.onloadeddata = yes;
            picture.onerror = no;
        });
        Object.assign(picture, {muted: true, preload: 'auto', src: address});
        await seen;
        own.seconds = Number.isFinite(picture.duration) ? picture.duration : 0;
        // The server cuts the sides of videos to even lengths, and a mask is as large as the video.
        const even = own.picture ? ~0 : ~1;
        const width = (picture.videoWidth ?? picture.naturalWidth) & even;
        const height = (picture.videoHeight ?? picture.naturalHeight) & even;
        const scale = own.picture ? Math.min(1, 640 / Math.max(width, height)) : 1;
        const canvas = Object.assign(document.createElement('canvas'), {width: Math.ceil(width * scale),
            height: Math.ceil(height * scale)});
        const pen = canvas.getContext('2d');
        if (own.picture) pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
        // A browser may know of the first frame of a video a moment before it draws it.
        for (let tries = 0; !own.picture && tries < 40 && !pen.getImageData(0, 0, 1, 1).data[3]; tries++) {
            if (tries) await new Promise(later => setTimeout(later, 50));
            pen.drawImage(picture, 0, 0);
        }
        own.frame = {picture: canvas.toDataURL(), width, height};
    } catch {
        own.unseen = true; // a format that this browser does not show: it is used without a preview and a mask
    } finally {
        URL.revokeObjectURL(address);
    }
    if (base === own) shape();
}

function startFrom(from, how = 'start') {
    base = from;
    way = how;
    if (from?.id) from.frame = {picture: content(from.id, 'poster'), width: from.width, height: from.height};
    if (from) $('from').value = from.prompt;
    else $('upload').value = '';
    shape();
    if (from && how === 'edit') showChange();
}

// Shows the form as it is for what the next video begins with, what is done with that, and the model.
function shape() {
    const how = base ? way : 'create';
    const ours = Boolean(base?.id), clip = Boolean(base) && !base.picture;
    chooseModel(how);
    const model = models.get($('model').value);
    $('own').hidden = Boolean(base);
    $('base').hidden = !base;
    if (base) showBase(model);
    for (const id of ['from-field', 'edit-field', 'change']) $(id).hidden = how !== 'edit';
    for (const id of ['frames', 'fps']) $(id).parentElement.hidden = how === 'edit'; // an edit keeps these
    for (const id of ['width', 'height']) {
        $(id).parentElement.hidden = how === 'edit' || how === 'extend' || how === 'start' && ours;
    }
    $('strength-field').hidden = !(how === 'start' && clip);
    $('prompt-label').textContent = {edit: 'What it should show instead', extend: 'What happens next'}[how] ?? 'Prompt';
    $('go').textContent = {edit: 'Edit the video', extend: 'Extend the video',
        start: `Make a video from this ${clip ? 'one' : 'picture'}`, create: 'Make the video'}[how];
    if (how === 'edit' && masked !== base) {
        if (base.frame) maskOver(base.frame);
        else showMask(false);
    }
    suggest(how, model);
    speeds();
}

// Offers the models that can do it, and chooses the first of them if another one is chosen.
function chooseModel(how) {
    const takesImage = how === 'extend' || Boolean(base?.picture);
    const fits = model => !base || !model.error && model.takes_image === takesImage;
    for (const option of $('model').options) option.disabled = !fits(models.get(option.value));
    $('model').disabled = Boolean(base?.id);
    const made = models.get(base?.made_by);
    if (base?.id && (how !== 'extend' || made?.takes_image)) $('model').value = base.made_by;
    else if ($('model').selectedOptions[0]?.disabled ?? true) {
        $('model').value = (base ? installed(takesImage) : installed(false) ?? installed(true))?.id ?? '';
    }
}

function showBase(model) {
    const {file, frame, picture, seconds} = base;
    const words = {edit: 'Edits', start: 'Starts from', extend: 'Goes on from'}[way];
    $('base-words').textContent = `${words} “${file?.name ?? base.prompt}”.`;
    $('base-facts').textContent = [frame && `${frame.width} × ${frame.height}`, seconds && `${Number(seconds).toFixed(1)} s`,
        file && megabytes(file.size), base.unseen && 'not shown by this browser'].filter(Boolean).join(', ');
    $('base-picture').hidden = !frame;
    if (frame && $('base-picture').getAttribute('src') !== frame.picture) $('base-picture').src = frame.picture;
    $('no-base').textContent = file ? 'Remove' : 'Start from nothing instead';
    $('no-base').ariaLabel = file ? `Remove ${file.name}` : null;
    $('ways').hidden = Boolean(picture);
    for (const one of $('ways').querySelectorAll('input')) {
        one.disabled = Boolean(why(one.value, base));
        one.checked = one.value === way;
    }
    const by = model ? ` ${model.id} makes it.` : '';
    const help = picture ? `It is the first frame.${by}` : {
        edit: 'Only what the words say changes in it.',
        start: 'Another video begins with this one, and departs from it as far as you say.',
        extend: `More follows its last frame.${by}`}[way];
    if ($('ways-help').textContent !== help) $('ways-help').textContent = help; // is read out when it changes
    const reasons = picture ? [] : ['edit', 'start', 'extend'].map(one => why(one, base)).filter(Boolean);
    say($('ways-why'), [...new Set(reasons)].join(' '));
}

function megabytes(bytes) {
    return bytes < 1e5 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

// What is taken where the visitor says nothing.
function suggest(how, model) {
    if (!model || model.error) return;
    const then = how === 'start' && base.id ? base : model; // another video from one keeps its settings
    const clip = how === 'start' && base.file && !base.picture;
    const values = {width: model.width, height: model.height, steps: then.steps, seed: then.seed ?? 'random',
        guidance: how === 'edit' ? model.edit_guidance_scale : then.guidance_scale, fps: clip ? 'as it has' : then.fps,
        frames: clip ? `up to ${model.num_frames}` : then.num_frames};
    for (const [id, value] of Object.entries(values)) $(id).placeholder = value;
    $('width').step = $('height').step = model.size_step;
}

// Of the methods of editing only one follows a path on which steps can be taken over.
function speeds() {
    const fresh = Boolean(base) && way === 'edit' && $('method').value !== 'sdedit';
    for (const option of $('speed').options) option.disabled = fresh && /cached|broadcast/.test(option.value);
    if ($('speed').selectedOptions[0]?.disabled) $('speed').value = 'lossless';
}

// ---------------------------------------------------------------- models and their weights

async function listModels() {
    for (const model of (await ask('/v1/models')).data) {
        models.set(model.id, model);
        if (!weights.has(model.id)) addModel(model.id);
    }
    $('upload-label').textContent = installed(true) ? 'A picture or video of yours' : 'A video of yours';
    showModels();
}

function addModel(name) {
    const option = new Option(name, name);
    $('model').append(option);
    const item = document.createElement('li');
    const title = Object.assign(document.createElement('span'), {className: 'words', textContent: name});
    const state = Object.assign(document.createElement('span'), {className: 'state'});
    const button = Object.assign(document.createElement('button'), {type: 'button'});
    const error = Object.assign(document.createElement('p'), {className: 'error', hidden: true});
    error.setAttribute('role', 'alert');
    button.onclick = () => move(name);
    item.append(title, state, button, error);
    $('weights').append(item);
    weights.set(name, {option, item, state, button, error, moving: ''});
}

function showModels() {
    for (const [name, {option, item, state, button, error, moving}] of weights) {
        const model = models.get(name);
        option.textContent = model.error ? `${name} (not usable)` : model.loaded ? `${name} (in memory)` : name;
        state.textContent = moving || (model.error ? 'not usable' : model.loaded ? 'in memory' : 'on the disk');
        if (model.error) say(error, model.error);
        item.setAttribute('aria-busy', Boolean(moving));
        button.hidden = Boolean(model.error);
        button.textContent = model.loaded ? 'Unload' : 'Load';
        button.ariaLabel = `${button.textContent} ${name}`;
        button.ariaDisabled = Boolean(moving); // not disabled: it would lose the focus
    }
    const here = [...models.values()].filter(model => model.loaded).map(model => model.id);
    $('memory-title').textContent = `Weights in memory: ${here.join(', ') || 'none'}`;
}

// Brings the weights of a model into memory, or frees them.
async function move(name) {
    const row = weights.get(name);
    if (row.moving) return;
    const load = !models.get(name).loaded;
    const mark = text => { row.moving = text; showModels(); };
    say(row.error, '');
    mark(load ? 'loading …' : 'freeing …');
    announce(load ? `Loading the weights of ${name}.`
        : `Freeing the weights of ${name}, once no run uses them.`);
    try {
        const now = await ask(`/v1/models/${encodeURIComponent(name)}/${load ? 'load' : 'unload'}`, {method: 'POST'});
        models.set(name, now);
        if (now.loaded === load) announce(load ? `${name} is in memory.` : `${name} is no longer in memory.`);
        else say(row.error, load ? 'It is too large to stay in memory here: every run reads it anew.'
            : 'Another run has brought it back.');
    } catch (e) {
        announce('');
        say(row.error, e.message);
    } finally {
        mark('');
    }
}

// ---------------------------------------------------------------- editing

function maskOver({picture, width, height}) {
    masked = base;
    $('mask-picture').src = picture;
    $('mask').width = width;
    $('mask').height = height;
    showMask(true);
    clearMask();
}

function showMask(there) {
    if (!there) masked = null;
    for (const id of ['mask-field', 'mask-help']) $(id).hidden = !there;
    $('brush').parentElement.hidden = !there;
    marked = false;
}

// Shows which words leave and which come: the longest common sequence stays.
function showChange() {
    const split = id => $(id).value.trim().split(/\s+/).filter(Boolean);
    const from = split('from'), to = split('prompt');
    const common = Array.from({length: from.length + 1}, () => new Array(to.length + 1).fill(0));
    for (let i = from.length - 1; i >= 0; i--) {
        for (let j = to.length - 1; j >= 0; j--) {
            common[i][j] = from[i] === to[j] ? common[i + 1][j + 1] + 1 : Math.max(common[i + 1][j], common[i][j + 1]);
        }
    }
    const parts = [];
    const add = (tag, word) => parts.push(Object.assign(document.createElement(tag), {textContent: word}), ' ');
    let i = 0, j = 0;
    while (i < from.length || j < to.length) {
        if (i < from.length && j < to.length && from[i] === to[j]) { add('span', to[j]); i++; j++; }
        else if (i < from.length && (j === to.length || common[i + 1][j] >= common[i][j + 1])) add('del', from[i++]);
        else add('ins', to[j++]);
    }
    $('change').replaceChildren(...parts);
}

const brush = {x: 0, y: 0, down: false};

// Shows where the brush is to those who move it with the keyboard.
function ring() {
    const canvas = $('mask');
    Object.assign($('ring').style, {left: 100 * brush.x / canvas.width + '%', top: 100 * brush.y / canvas.height + '%',
        width: $('brush').value / canvas.width * Math.max(canvas.width, canvas.height) + '%'});
}

function clearMask() {
    const canvas = $('mask');
    canvas.getContext('2d').clearRect(0, 0, canvas.width, canvas.height);
    brush.x = canvas.width / 2;
    brush.y = canvas.height / 2;
    marked = false;
    ring();
    canvas.setAttribute('aria-label', 'Mask: nothing is marked');
}

function paint(x, y) {
    const canvas = $('mask');
    const pen = canvas.getContext('2d');
    pen.fillStyle = pen.strokeStyle = '#f2b84b';
    pen.lineCap = 'round';
    pen.lineWidth = $('brush').value / 100 * Math.max(canvas.width, canvas.height);
    pen.beginPath();
    pen.moveTo(brush.x, brush.y);
    pen.lineTo(x, y);
    pen.stroke();
    brush.x = x;
    brush.y = y;
    marked = true;
    canvas.setAttribute('aria-label', 'Mask: a part of the picture is marked');
}

function place(event) {
    const box = $('mask').getBoundingClientRect();
    return [(event.clientX - box.left) / box.width * $('mask').width,
        (event.clientY - box.top) / box.height * $('mask').height];
}

function maskKey(event) {
    const canvas = $('mask');
    const step = canvas.width / 32;
    const moves = {ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step]};
    if (moves[event.key]) {
        const x = Math.min(canvas.width, Math.max(0, brush.x + moves[event.key][0]));
        const y = Math.min(canvas.height, Math.max(0, brush.y + moves[event.key][1]));
        if (event.shiftKey) paint(x, y);
        else [brush.x, brush.y] = [x, y];
    } else if (event.key === ' ') paint(brush.x, brush.y);
    else return;
    ring();
    event.preventDefault();
    event.stopPropagation();
}

// White where something is painted, black elsewhere.
function mask() {
    const painted = $('mask');
    const picture = Object.assign(document.createElement('canvas'), {width: painted.width, height: painted.height});
    const pen = picture.getContext('2d');
    pen.drawImage(painted, 0, 0);
    pen.globalCompositeOperation = 'source-in';
    pen.fillStyle = '#fff';
    pen.fillRect(0, 0, picture.width, picture.height);
    pen.globalCompositeOperation = 'destination-over';
    pen.fillStyle = '#000';
    pen.fillRect(0, 0, picture.width, picture.height);
    return new Promise(done => picture.toBlob(done, 'image/png'));
}

function reuse(video) {
    $('prompt').value = video.prompt;
    $('negative').value = video.negative_prompt;
    $('seed').value = video.seed;
    if (models.has(video.made_by)) $('model').value = video.made_by;
    modelChosen();
    $('width').value = video.width;
    $('height').value = video.height;
    $('frames').value = video.num_frames;
    $('fps').value = video.fps;
    $('steps').value = video.steps;
    $('guidance').value = video.guidance_scale;
    $('speed').value = video.speed;
    $('prompt').focus();
}

// ---------------------------------------------------------------- watching jobs

function watch(video) {
    if (watched.has(video.id)) return;
    const item = document.createElement('li');
    item.id = 'job-' + video.id;
    const canvas = Object.assign(document.createElement('canvas'), {width: 128, height: 128});
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', `Preview of ${video.prompt}`);
    const words = document.createElement('div');
    const title = Object.assign(document.createElement('div'), {className: 'words', textContent: video.prompt});
    const bar = Object.assign(document.createElement('progress'), {max: 100, value: video.progress});
    bar.setAttribute('aria-label', `Progress of ${video.prompt}`);
    const state = Object.assign(document.createElement('div'), {className: 'state'});
    words.append(title, bar, state);
    const stop = Object.assign(document.createElement('button'), {type: 'button', textContent: 'Cancel'});
    stop.setAttribute('aria-label', `Cancel ${video.prompt}`);
    stop.onclick = async () => {
        stop.disabled = true;
        try {
            await ask(`/v1/videos/${video.id}/cancel`, {method: 'POST'});
        } catch (e) {
            state.textContent = e.message;
        }
    };
    item.append(canvas, words, stop);
    $('queue').append(item);
    const job = {video, item, canvas, bar, state, film: null, frame: 0};
    watched.set(video.id, job);
    tell(job, video);
    queueChanged();
    const events = new EventSource(`/v1/videos/${video.id}/events`);
    job.events = events;
    events.addEventListener('progress', event => tell(job, JSON.parse(event.data)));
    const end = event => {
        events.close();
        finished(job, JSON.parse(event.data), event.type);
    };
    for (const type of ['completed', 'failed', 'deleted']) events.addEventListener(type, end);
}

function tell(job, now) {
    const stages = {read: 'reading the video', load: 'loading the model', encode: 'reading the prompt',
        denoise: 'denoising', decode: 'decoding', write: 'writing', queued: 'waiting'};
    const count = now.total_steps > 0 && ['denoise', 'decode'].includes(now.stage)
        ? `, ${now.step} of ${now.total_steps}` : '';
    const ahead = now.status === 'queued' && now.queue_position > 0 ? `, ${now.queue_position} before it` : '';
    job.state.textContent = (stages[now.stage] ?? now.stage) + count + ahead;
    job.bar.value = now.progress;
    if (now.preview) show(job, now.preview);
    if (now.stage === 'denoise' && now.step > 0 && !job.loaded) {
        job.loaded = true; // so its model is in memory
        listModels().catch(() => {});
    }
}

function show(job, preview) {
    const image = new Image();
    image.onload = () => {
        job.film = {...preview, image};
        draw(job);
        if (!job.timer && !still.matches && preview.frames > 1) {
            job.timer = setInterval(() => { job.frame++; draw(job); }, 1000 / Math.max(1, preview.fps));
        }
    };
    image.src = preview.image;
}

function draw({canvas, film, frame}) {
    const {image, width, height, frames} = film;
    const scale = Math.min(canvas.width / width, canvas.height / height);
    const pen = canvas.getContext('2d');
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.imageSmoothingQuality = 'high';
    pen.drawImage(image, (frame % frames) * width, 0, width, height, (canvas.width - width * scale) / 2,
        (canvas.height - height * scale) / 2, width * scale, height * scale);
}

function finished(job, video, how) {
    clearInterval(job.timer);
    job.item.remove();
    watched.delete(job.video.id);
    queueChanged();
    if (how === 'deleted') return;
    announce(how === 'completed' ? `Finished: ${video.prompt}` : `Failed: ${video.error?.message ?? video.prompt}`);
    $('gallery').prepend(card(video));
    $('gallery-empty').hidden = true;
    listModels().catch(() => {});
}

function queueChanged() {
    $('queue-empty').hidden = watched.size > 0;
    document.title = watched.size ? `(${watched.size}) Zoetrope` : 'Zoetrope';
}

// ---------------------------------------------------------------- gallery

const content = (id, variant) => `/v1/videos/${id}/content${variant ? '?variant=' + variant : ''}`;

function card(video) {
    const item = document.createElement('li');
    item.id = 'card-' + video.id;
    const button = Object.assign(document.createElement('button'), {type: 'button'});
    const caption = Object.assign(document.createElement('span'), {className: 'caption', textContent: video.prompt});
    if (video.status === 'completed') {
        const image = Object.assign(document.createElement('img'), {src: content(video.id, 'thumbnail'), alt: '',
            loading: 'lazy'});
        button.append(image, caption);
        button.setAttribute('aria-label', `Open ${video.prompt}`);
        button.onpointerenter = () => play(button, image, video);
    } else {
        const reason = Object.assign(document.createElement('span'), {className: 'failed',
            textContent: video.error?.code === 'cancelled' ? 'cancelled' : video.error?.message ?? 'failed'});
        button.append(reason, caption);
    }
    button.onclick = () => { location.hash = video.id; };
    item.append(button);
    return item;
}

function play(button, image, video) {
    if (still.matches) return;
    const clip = Object.assign(document.createElement('video'), {src: content(video.id), muted: true, loop: true,
        autoplay: true, playsInline: true});
    clip.oncanplay = () => image.replaceWith(clip);
    button.onpointerleave = () => { clip.replaceWith(image); clip.src = ''; };
}

async function gallery(fresh) {
    if (fresh) oldest = '';
    const query = new URLSearchParams({limit: PAGE});
    if (oldest) query.set('after', oldest);
    if ($('search').value.trim()) query.set('search', $('search').value.trim());
    const page = await ask('/v1/videos?' + query);
    if (fresh) $('gallery').replaceChildren();
    for (const video of page.data) {
        if (UNFINISHED.includes(video.status)) watch(video);
        else $('gallery').append(card(video));
    }
    oldest = page.last_id ?? oldest;
    $('more').hidden = !page.has_more;
    $('gallery-empty').hidden = $('gallery').children.length > 0;
    $('gallery-empty').textContent = $('search').value.trim() ? 'No prompt has these words.' : 'No videos yet.';
}

// ---------------------------------------------------------------- one video

async function view(id) {
    let video;
    try {
        video = await ask('/v1/videos/' + encodeURIComponent(id));
    } catch (e) {
        announce(e.message);
        location.hash = '';
        return;
    }
    if (UNFINISHED.includes(video.status)) {
        watch(video);
        $('job-' + id)?.scrollIntoView();
        return;
    }
    shown = video;
    const done = video.status === 'completed';
    $('viewer-title').textContent = video.prompt;
    $('stage').hidden = !done;
    compare(false);
    if (done) {
        $('player').setAttribute('aria-label', `Video: ${video.prompt}`);
        $('player').poster = content(id, 'poster');
        $('player').src = content(id);
        if (!still.matches) $('player').play().catch(() => {});
        $('download').href = content(id);
        $('download').download = `${video.prompt.replace(/[^\p{L}\p{N}]+/gu, '-').slice(0, 48) || 'video'}.mp4`;
        $('sheet').href = content(id, 'spritesheet');
    }
    for (const action of ['download', 'sheet', 'share', ...Object.keys(ACTIONS)]) $(action).hidden = !done;
    reasons(done ? video : null);
    $('compare-toggle').hidden = !(done && (video.remixed_from_video_id || video.uploaded));
    $('notices').replaceChildren(...[...(done ? [] : [video.error?.message ?? 'failed']), ...video.notices]
        .map(text => Object.assign(document.createElement('li'), {textContent: text})));
    const rows = {Model: video.made_by, Seed: video.seed, Size: `${video.width} × ${video.height}`,
        Frames: `${video.num_frames} at ${video.fps} per second`, Steps: video.steps, Guidance: video.guidance_scale,
        ...(video.speed === 'lossless' ? {} : {Speed: video.speed}),
        ...(video.strength ? {'Given up': video.strength} : {}),
        'Negative prompt': video.negative_prompt || 'none',
        ...(video.source_prompt ? {'Edited by': video.method, 'Showed before': video.source_prompt} : {}),
        Made: new Date((video.completed_at ?? video.created_at) * 1000).toLocaleString(), Id: video.id};
    $('recipe').replaceChildren(...Object.entries(rows).flatMap(([name, value]) => [
        Object.assign(document.createElement('dt'), {textContent: name}),
        Object.assign(document.createElement('dd'), {textContent: value})]));
    if (!$('viewer').open) $('viewer').showModal();
    $('viewer').append($('announcer')); // what is outside of an open dialog is neither seen nor read out
}

// Says below the buttons why some cannot be used with this video. They keep the focus, so that it is read out.
function reasons(video) {
    const lines = new Map();
    for (const [button, how] of Object.entries(ACTIONS)) {
        const reason = video ? why(how, video) : '';
        $(button).ariaDisabled = Boolean(reason);
        if (reason && !lines.has(reason)) {
            lines.set(reason, Object.assign(document.createElement('li'), {id: `why-not-${button}`,
                textContent: reason}));
        }
        if (reason) $(button).setAttribute('aria-describedby', lines.get(reason).id);
        else $(button).removeAttribute('aria-describedby');
    }
    $('reasons').replaceChildren(...lines.values());
}

// Leaves the viewer for the form, which begins with its video then.
function begin(how) {
    const video = shown;
    const reason = why(how, video);
    if (reason) {
        announce(reason);
        return;
    }
    $('viewer').close();
    reuse(video);
    if (how !== 'start') { // the settings of one kind of run are no good ones for another
        for (const id of ['seed', 'steps', 'guidance', 'frames', 'fps']) $(id).value = '';
        $('speed').value = 'lossless';
    }
    startFrom(video, how);
    $('prompt').focus();
}

function compare(on) {
    $('compare').hidden = !on;
    $('player').hidden = on;
    $('compare-toggle').setAttribute('aria-pressed', on);
    $('compare-play').hidden = !on;
    if (on) {
        $('before').src = content(shown.id, 'source');
        $('after').src = content(shown.id);
        $('player').pause();
        for (const id of ['before', 'after']) $(id).currentTime = 0;
        playBoth(!still.matches);
    } else {
        for (const id of ['before', 'after']) $(id).removeAttribute('src');
    }
}

function playBoth(on) {
    for (const id of ['before', 'after']) {
        if (on) $(id).play().catch(() => {});
        else $(id).pause();
    }
    if (!on) $('after').currentTime = $('before').currentTime;
    $('compare-play').textContent = on ? 'Pause' : 'Play';
}

function closed() {
    document.body.append($('announcer'));
    $('player').removeAttribute('src');
    $('player').removeAttribute('poster');
    $('player').load();
    compare(false);
    // Whoever is quick has chosen another video before the browser says that this one is closed.
    if (location.hash === '#' + shown?.id) history.replaceState(null, '', location.pathname);
    shown = null;
}

async function remove() {
    const video = shown;
    if (!video || !confirm('Delete this video for good?')) return;
    await ask('/v1/videos/' + video.id, {method: 'DELETE'});
    $('card-' + video.id)?.remove();
    $('viewer').close();
    announce('Deleted.');
}

function neighbour(step) {
    const cards = [...$('gallery').children];
    const at = cards.findIndex(item => item.id === 'card-' + shown?.id);
    const next = cards[at + step];
    if (at >= 0 && next) location.hash = next.id.slice(5);
}

function routed() {
    const id = location.hash.slice(1);
    if (/^video_[0-9a-f]{32}$/.test(id)) view(id);
    else if ($('viewer').open) $('viewer').close();
}

// ---------------------------------------------------------------- beginning

function later(action, milliseconds) {
    let timer;
    return () => { clearTimeout(timer); timer = setTimeout(action, milliseconds); };
}

$('form').onsubmit = submit;
$('model').onchange = modelChosen;
$('method').onchange = speeds;
$('upload').onchange = () => { if ($('upload').files.length) take($('upload').files); };
$('ways').onchange = event => {
    way = event.target.value;
    shape();
    if (way === 'edit') showChange();
};
$('form').ondragover = event => {
    if (![...event.dataTransfer.items].some(item => item.kind === 'file')) return;
    event.preventDefault();
    $('form').classList.add('dropping');
};
$('form').ondragleave = () => $('form').classList.remove('dropping');
$('form').ondrop = event => {
    event.preventDefault();
    $('form').classList.remove('dropping');
    take(event.dataTransfer.files);
};
$('no-base').onclick = () => {
    startFrom(null);
    $('upload').focus();
};
$('strength').oninput = () => { $('strength-shown').value = $('strength').value; };
$('search').oninput = later(() => gallery(true).catch(e => announce(e.message)), 250);
$('more').onclick = () => gallery(false).catch(e => announce(e.message));
$('close').onclick = () => $('viewer').close();
$('viewer').onclose = closed;
$('viewer').onclick = event => { if (event.target === $('viewer')) $('viewer').close(); };
$('reuse').onclick = () => { const video = shown; $('viewer').close(); startFrom(null); reuse(video); };
for (const [button, how] of Object.entries(ACTIONS)) $(button).onclick = () => begin(how);
$('prompt').oninput = $('from').oninput = () => { if (way === 'edit' && base) showChange(); };
$('mask').onpointerdown = event => {
    $('mask').setPointerCapture(event.pointerId);
    [brush.x, brush.y] = place(event);
    brush.down = true;
    paint(brush.x, brush.y);
};
$('mask').onpointermove = event => { if (brush.down) paint(...place(event)); };
$('mask').onpointerup = $('mask').onpointercancel = () => { brush.down = false; };
$('mask').onkeydown = maskKey;
$('mask-clear').onclick = clearMask;
$('brush').oninput = ring;
$('delete').onclick = () => remove().catch(e => announce(e.message));
$('compare-play').onclick = () => playBoth($('before').paused);
$('compare-toggle').onclick = () => compare($('compare').hidden);
$('wipe').oninput = () => $('compare').style.setProperty('--cut', $('wipe').value + '%');
$('share').onclick = async () => {
    await navigator.clipboard?.writeText(`${location.origin}/#${shown.id}`).catch(() => {});
    $('share').textContent = 'Copied';
    setTimeout(() => { $('share').textContent = 'Copy link'; }, 1500);
};
addEventListener('hashchange', routed);
addEventListener('keydown', event => {
    const writing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && $('form').contains(event.target)) submit(event);
    else if (event.key === '/' && !writing && !$('viewer').open) { event.preventDefault(); $('search').focus(); }
    else if ($('viewer').open && !writing && event.target.tagName !== 'VIDEO') {
        if (event.key === 'ArrowRight') neighbour(1);
        if (event.key === 'ArrowLeft') neighbour(-1);
    }
});
$('settings').open = matchMedia('(min-width: 52rem)').matches;
$('memory').ontoggle = () => { if ($('memory').open) listModels().catch(() => {}); };
listModels().then(modelChosen).then(() => gallery(true)).then(routed).catch(e => say($('form-error'), e.message));
