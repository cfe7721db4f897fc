// What a template card lets one press: buttons, selections, votes, and the menu in its corner.
import { el, icon } from './dom.js';

const FORMS = { button_interaction: buttons, vote_interaction: vote, multiple_interaction: selects };
const STRONG = 1;
const CALLBACK = 0;
let number = 0;

// The part of an interactive card below its text; null for a notice.
export function cardForm(body, press, open) {
  const draw = FORMS[body.card_type];
  if (!draw) return null;
  if (body.replace_text) return el('p', { class: 'card-done' }, body.replace_text);
  const said = el('p', { class: 'card-said', role: 'status' });
  const send = async (key, selected) => {
    said.textContent = '正在提交…';
    try { await press(key, selected); said.textContent = '已提交'; } catch (error) { said.textContent = error.message; }
  };
  return el('div', { class: 'card-form' }, draw(body, send, open), said);
}

// Entries of action_menu, behind three dots.
export function cardMenu(body, press) {
  const menu = body.action_menu;
  if (!menu) return null;
  const box = el('details', { class: 'card-menu' });
  const entries = (menu.action_list || []).map(entry => el('button', { type: 'button', onclick: () => {
    box.open = false;
    press(entry.key).catch(error => { box.title = error.message; });
  } }, entry.text));
  box.append(el('summary', { 'aria-label': '更多操作' }, icon('dots')), el('div', { class: 'menu' }, menu.desc ? el('span', { class: 'faint' }, menu.desc) : null, entries));
  return box;
}

function buttons(body, send, open) {
  const chosen = body.button_selection ? select(body.button_selection) : null;
  const list = (body.button_list || []).map(button => el('button', { class: (button.style || STRONG) === STRONG ? 'button strong' : 'button', type: 'button', onclick: () => {
    if ((button.type || CALLBACK) === CALLBACK) send(button.key, chosen ? chosen.selected() : {});
    else open(button.url);
  } }, button.text));
  return [chosen ? chosen.node : null, el('div', { class: 'card-buttons' }, list)];
}

function selects(body, send) {
  const all = (body.select_list || []).map(select);
  const selected = () => Object.assign({}, ...all.map(one => one.selected()));
  return [all.map(one => one.node), submit(body, () => send(body.submit_button.key, selected()))];
}

function select(question) {
  const box = el('select', null, question.option_list.map(option => el('option', { value: option.id, selected: option.id === question.selected_id }, option.text)));
  box.disabled = Boolean(question.disable);
  const node = el('label', { class: 'field' }, el('span', null, question.title || '请选择'), box);
  return { node, selected: () => ({ [question.question_key]: [box.value] }) };
}

function vote(body, send) {
  const question = body.checkbox;
  const name = `vote-${++number}`;
  const boxes = question.option_list.map(option => el('input', { type: question.mode === 1 ? 'checkbox' : 'radio', name, value: option.id, checked: Boolean(option.is_checked), disabled: Boolean(question.disable) }));
  const options = question.option_list.map((option, index) => el('label', { class: 'check' }, boxes[index], option.text));
  const chosen = () => boxes.filter(box => box.checked).map(box => box.value);
  return [el('fieldset', null, el('legend', { class: 'sr' }, '选项'), options), submit(body, () => send(body.submit_button.key, { [question.question_key]: chosen() }))];
}

function submit(body, work) {
  return el('div', { class: 'card-buttons' }, el('button', { class: 'button strong', type: 'button', onclick: work }, body.submit_button.text || '提交'));
}
