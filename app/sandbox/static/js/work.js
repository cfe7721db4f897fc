// A member's workbench: what waits to be sent or published, who waits to be accepted, scanning, adding.
import { ask } from './api.js';
import { avatar, count, el } from './dom.js';
import { asStamp } from './format.js';
import { action, attached, head, notice, picture, row, scroll, status } from './parts.js';
import { customerPicker } from './picker.js';
import { drawScan } from './scan.js';

export function drawWork(screen, phone) {
  const { sends, moments, newcomers } = phone.waiting;
  screen.replaceChildren(head('工作台'), scroll('工作台',
    row('#sends', picture('send', 0), '群发助手', '企业发来的群发，确认后才发出', count(sends)),
    row('#moments', picture('moments', 3), '客户朋友圈', '企业发来的朋友圈，确认后才发表', count(moments)),
    row('#newcomers', picture('add', 2), '新的客户', '好友申请，和已添加你的人', count(newcomers)),
    row('#add', picture('people', 1), '添加客户', '按名字直接添加', []),
    row('#scan', picture('scan', 5), '扫一扫', '让一位顾客扫渠道码', [])));
}

export async function drawNewcomers(screen) {
  const { newcomers } = await ask('/phone/newcomers');
  const said = status();
  const accept = one => action('通过', async () => {
    await ask(`/phone/newcomers/${encodeURIComponent(one.external_userid)}/accept`, {});
    location.hash = `#chat/${one.external_userid}`;
  }, said, { class: 'button strong', 'aria-label': `通过${one.name}` });
  screen.replaceChildren(head('新的客户', '#contacts'), scroll('新的客户', said.node,
    newcomers.length ? el('ul', null, newcomers.map(one => el('li', { class: 'way' }, avatar(one.name, one.external_userid),
      el('span', { class: 'who' }, el('strong', null, one.name), el('span', { class: 'faint' }, one.half ? '已添加你，等你通过' : '申请添加你')), accept(one)))) : notice('没有等你通过的人。')));
}

export async function drawSends(screen, phone) {
  const { sends } = await ask('/phone/sends');
  screen.replaceChildren(head('群发助手', '#work'), scroll('群发助手', sends.length ? sends.map(send => sendPanel(send, phone)) : notice('没有等你确认的群发。')));
}

function sendPanel(send, phone) {
  const said = status();
  const unit = send.chat_type === 'group' ? '个客户群' : '位客户';
  const boxes = send.targets.map(target => el('input', { type: 'checkbox', value: target.id, checked: true }));
  const choices = send.targets.map((target, index) => el('label', { class: 'check' }, boxes[index], target.name || target.id));
  const panel = el('section', { class: 'panel', 'aria-label': '群发' }, el('p', { class: 'faint' }, `${asStamp(send.created_ms, phone.nowMs)} · 发给 ${send.targets.length} ${unit}${send.reminded ? ` · 企业催了 ${send.reminded} 次` : ''}`),
    send.text ? el('p', { class: 'said-text' }, send.text.content) : null, attached(send.attachments),
    send.allow_select ? el('fieldset', { class: 'choices' }, el('legend', { class: 'faint' }, '发给谁'), choices) : el('p', { class: 'faint' }, send.targets.map(target => target.name || target.id).slice(0, 8).join('、')));
  const confirm = async () => {
    const chosen = send.allow_select ? boxes.filter(box => box.checked).map(box => box.value) : null;
    if (chosen && !chosen.length) { said.tell('请至少选一位', true); return; }
    const { sent, failed } = await ask(`/phone/sends/${encodeURIComponent(send.msgid)}`, { chosen });
    panel.replaceChildren(el('p', { role: 'status' }, `已发给 ${sent} ${unit}${failed ? `，${failed} ${unit}没有收到` : ''}`));
    phone.refresh();
  };
  panel.append(el('div', { class: 'buttons' }, action('确认发送', confirm, said, { class: 'button strong' }), el('a', { class: 'button', href: '#work' }, '暂不发送')), said.node);
  return panel;
}

export async function drawMoments(screen, phone) {
  const { moments } = await ask('/phone/moments');
  screen.replaceChildren(head('客户朋友圈', '#work'), scroll('客户朋友圈', moments.length ? moments.map(moment => momentPanel(moment, phone)) : notice('没有等你发表的朋友圈。')));
}

function momentPanel(moment, phone) {
  const said = status();
  const panel = el('section', { class: 'panel', 'aria-label': '朋友圈' }, el('p', { class: 'faint' }, `${asStamp(moment.created_ms, phone.nowMs)} · ${moment.viewers} 位客户能看到`),
    moment.text && moment.text.content ? el('p', { class: 'said-text' }, moment.text.content) : null, attached(moment.attachments));
  const publish = async () => {
    await ask(`/phone/moments/${encodeURIComponent(moment.moment_id)}`, {});
    panel.replaceChildren(el('p', { role: 'status' }, '已发表'));
    phone.refresh();
  };
  panel.append(el('div', { class: 'buttons' }, action('发表', publish, said, { class: 'button strong' }), el('a', { class: 'button', href: '#work' }, '暂不发表')), said.node);
  return panel;
}

export function drawAdd(screen) {
  const picker = customerPicker();
  const said = status();
  const add = async () => {
    if (!picker.chosen()) { said.tell('请填写名字，或选一位顾客', true); return; }
    const { external_userid: id } = await ask('/phone/customers', { customer: picker.chosen() });
    location.hash = `#chat/${id}`;
  };
  screen.replaceChildren(head('添加客户', '#contacts'), scroll('添加客户', el('section', { class: 'panel' }, picker.node,
    el('div', { class: 'buttons' }, action('添加', add, said, { class: 'button strong' })), said.node)));
}

// On a member's phone somebody else scans: a customer of the corp, or a new person.
export function drawMembersScan(screen, phone) {
  const picker = customerPicker();
  const scan = async (code, half) => {
    if (!picker.chosen()) throw new Error('请先填写顾客的名字，或选一位');
    if (phone.opens(code)) {
      const { label } = await ask('/customers', { name: picker.chosen() });
      return { said: '这是网页的码', href: `${phone.customerUrl(label)}#open/${encodeURIComponent(code)}`, link: '在顾客的手机上打开' };
    }
    const done = await ask('/phone/scan', { customer: picker.chosen(), code, half });
    phone.refresh();
    if (done.userid.toLowerCase() === phone.userid.toLowerCase()) return { said: done.said, href: done.outcome === 'asked' ? '#newcomers' : `#chat/${done.external_userid}`, link: done.outcome === 'asked' ? '去通过' : '打开聊天' };
    return { said: done.said, href: phone.customerUrl(done.label), link: '打开这位顾客的手机' };
  };
  drawScan(screen, { back: '#work', before: picker.node, scan });
}
