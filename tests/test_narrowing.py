"Lists and sums that a sentence narrows by comparison, without a model: how the words are read, and what is then seen."
import json
from datetime import date
import pytest
from conftest import connect
from pianola.conversation import understand
from pianola.reading.language import language
from pianola.reading.spans import span
from pianola.reading.world import Table, World

@pytest.mark.parametrize('said, days', [
    ('this week', '2026-11-16 2026-11-23'), ('next week', '2026-11-23 2026-11-30'), ('last month', '2026-10-01 2026-11-01'),
    ('December', '2026-12-01 2027-01-01'), ('October', '2026-10-01 2026-11-01'), ('January', '2027-01-01 2027-02-01'),
    ('December 2025', '2025-12-01 2026-01-01'), ('2025', '2025-01-01 2026-01-01'), ('this quarter', '2026-10-01 2027-01-01'),
    ('the last 7 days', '2026-11-16 2026-11-23'), ('the next two weeks', '2026-11-23 2026-12-07'), ('this weekend', '2026-11-21 2026-11-23'),
    ('the end of November', '2026-11-30 2026-12-01'), ('the end of the month', '2026-11-30 2026-12-01'),
    ('1 October', '2026-10-01 2026-10-02'), ('2026-12-24', '2026-12-24 2026-12-25'), ('the wedding', None), ('October or November', None),
    ('next week and done', None), ('the 5th', None)])
def test_a_stretch_of_time_has_a_first_day_and_an_end(said, days):
    got = span(language('en'), said, today=date(2026, 11, 22))
    assert (' '.join(map(str, got)) if got else None) == days

@pytest.mark.parametrize('said, first', [('October', '2026-10-01'), ('December', '2025-12-01'), ('1 December', '2025-12-01')])
def test_what_is_since_a_month_has_begun(said, first):
    assert str(span(language('en'), said, back=True, today=date(2026, 11, 22))[0]) == first

@pytest.mark.parametrize('said, days', [('diese Woche', '2026-11-16 2026-11-23'), ('nächsten Monat', '2026-12-01 2027-01-01'),
                                        ('Dezember', '2026-12-01 2027-01-01'), ('letzten 7 Tagen', '2026-11-16 2026-11-23')])
def test_so_it_has_in_german(said, days): assert ' '.join(map(str, span(language('de'), said, today=date(2026, 11, 22)))) == days

def shop(open=''):
    return World([
        Table('customers', {'name': 'text', 'city': 'text', 'credit_limit': 'number', 'discount': 'number'}, 'name',
              [{'id': 1, 'name': 'Acme Ltd', 'city': 'York', 'credit_limit': 5000, 'discount': 5},
               {'id': 2, 'name': 'Acme Foods', 'city': 'Leeds', 'credit_limit': 900, 'discount': 0},
               {'id': 3, 'name': 'Stark', 'city': 'York', 'credit_limit': 20000, 'discount': 10}], 'customer', 'Customers'),
        Table('orders', {'item': 'text', 'customer': 'ref', 'price': 'number', 'weight_kg': 'number', 'ordered': 'date', 'deliver_by': 'date',
                         'shipped': 'bool'}, 'item',
              [{'id': 5, 'item': 'Lamp', 'customer': 1, 'price': 40.0, 'weight_kg': 2, 'ordered': '2026-10-02', 'deliver_by': '2026-11-30',
                'shipped': False},
               {'id': 6, 'item': 'Desk', 'customer': 3, 'price': 400.0, 'weight_kg': 30, 'ordered': '2026-11-02', 'deliver_by': '2026-12-30',
                'shipped': True}], 'order', 'Orders', refs={'customer': 'customers'}),
        Table('books', {'title': 'text', 'author': 'text', 'year': 'number', 'pages': 'number', 'due': 'date', 'read': 'bool'}, 'title',
              [{'id': 7, 'title': 'Emma', 'author': 'Jane Austen', 'year': 1815, 'pages': 474, 'due': '2026-12-02', 'read': False},
               {'id': 8, 'title': 'Dune', 'author': 'Frank Herbert', 'year': 1965, 'pages': 600, 'due': None, 'read': True}], 'book', 'Books')],
        open=open)
def heard(said, open=''):
    got = understand.heard(said, shop(open))
    return got.end, [(o.action, o.args.get('column') or o.args.get('where')) for o in got.ops]

@pytest.mark.parametrize('said, action, where', [
    ('orders over 100 euros', 'orders.list', {'price': {'>': 100}}), ('orders over 20 kg', 'orders.list', {'weight_kg': {'>': 20}}),
    ('which orders were ordered before November 2026 and shipped', 'orders.list', {'shipped': True, 'ordered': {'<': '2026-11-01'}}),
    ('which orders deliver by 1 December 2026', 'orders.list', {'deliver_by': {'<': '2026-12-02'}}),
    ('books before 1900', 'books.list', {'year': {'<': 1900}}), ('books from 1965', 'books.list', {'year': {'>=': 1965, '<': 1966}}),
    ('unread books of 400 pages or more', 'books.list', {'read': False, 'pages': {'>=': 400}}),
    ('books with a due date', 'books.list', {'due': {'!=': None}}), ('what is due before 2027?', 'books.list', {'due': {'<': '2027-01-01'}}),
    ('customers in York with a credit limit over 10,000', 'customers.list', {'city': 'York', 'credit_limit': {'>': 10000}}),
    ('orders for Stark over 10 euros', 'orders.list', {'customer': 'Stark', 'price': {'>': 10}}),
    ('books by Austen', 'books.list', {'author': 'Jane Austen'})])
def test_a_list_is_narrowed_as_it_is_said(said, action, where): assert heard(said) == ('press', [(action, where)])

@pytest.mark.parametrize('said, actions', [
    ('orders over 100', [{'price': {'>': 100}}, {'weight_kg': {'>': 100}}]),
    ('customers over 10', [{'credit_limit': {'>': 10}}, {'discount': {'>': 10}}]),
    ('orders for Acme over 10 euros', [{'customer': f'Acme {x}', 'price': {'>': 10}} for x in ('Foods', 'Ltd')])])
def test_where_several_columns_or_values_may_be_meant_it_is_asked(said, actions):
    end, ops = heard(said)
    assert (end, [w for _, w in ops]) == ('ask', actions)

def test_of_several_tables_the_one_that_is_open_is_meant():
    assert heard('how many of them are there over 1000?') == ('unsure', [])
    assert heard('what is the total?', 'orders')[1] == [], 'nothing was named'
    assert heard('total price of the orders for Stark') == ('press', [('orders.sum', 'price')])

@pytest.mark.parametrize('said', [
    'which books are due before the wedding?', 'show books that are not due before December', 'which orders are due before I leave?',
    'orders shipped in November', 'show orders over the limit', 'show orders from October or November', 'which books are over 100% of the price',
    'show the first three orders over 10 euros', 'list all books except those before 1900', 'how much does Zorro owe?', 'total of books',
    'what happens before December?', 'is 2000 a lot?', 'books over the counter', 'the orders are over 100 euros',
    'my boss said: orders over 100 euros'])
def test_what_is_not_understood_lists_nothing(said):
    end, ops = heard(said)
    assert end in ('unsure', 'nothing') and not ops

plugin = """'Invoices: who owes what.'
from datetime import date
from pianola import Crud, Ref
class Customer: name: str; phone: str = ''
class Invoice:
    ref: str; customer: Ref('customers') = None; amount: float = 0.0
    issued: date | None = None; due: date | None = None; paid: bool = False
customers = Crud(Customer, name='customers', title='Customers')
invoices = Crud(Invoice)
"""
@pytest.fixture
def office(serve, upstream, tmp_path):
    (tmp_path/'plugins').mkdir()
    (tmp_path/'plugins/10_invoices.py').write_text(plugin)
    s = serve(env=(u := upstream(['So it is.'])).env, plugins=tmp_path/'plugins')
    for name, phone in (('Acme Ltd', '030 12'), ('Stark', '')): s.act('customers.create', name=name, phone=phone)
    for ref, who, amount, issued, due, paid in (
            ('R-1', 'Acme Ltd', 80.0, '2025-09-30', '2025-10-31', True), ('R-2', 'Acme Ltd', 320.5, '2025-10-05', '2025-11-15', False),
            ('R-3', 'Stark', 990.0, '2025-11-02', '2025-12-10', False), ('R-4', 'Acme Ltd', 100.0, '2025-11-20', None, False)):
        s.act('invoices.create', ref=ref, customer=who, amount=amount, issued=issued, due=due, paid=paid)
    s.model = u
    return s

def say(s, text):
    n = len([m for m in s.get('/api/conversation')[1] if m['role'] == 'assistant'])
    with connect(s.ws) as tab:
        tab.send(json.dumps({'msg': text}))
        s.until(lambda: len([m for m in s.get('/api/conversation')[1] if m['role'] == 'assistant' and m['status'] != 'streaming']) > n)
    return [e for e in s.get('/api/roll?limit=1000')[1] if e['by'] == 'user']

@pytest.mark.parametrize('said, refs', [
    ('which invoices are due before December 2025?', ['R-1', 'R-2']), ('show invoices over 100 euros that are unpaid', ['R-2', 'R-3']),
    ('invoices from Acme issued in October 2025', ['R-2']), ('invoices without a due date', ['R-4']), ('unpaid invoices from stark', ['R-3'])])
def test_a_narrowed_list_has_the_rows_that_fit_and_says_what_it_is_narrowed_to(office, page, said, refs):
    e = say(office, said)[-1]
    assert e['action'] == 'invoices.list' and [r['ref'] for r in e['result']] == refs
    page.goto(office.url)
    line = page.locator('.outcome summary')
    line.wait_for()
    assert f"{len(refs)} row" in line.inner_text() and line.inner_text().startswith('Invoices (')
    assert 'Done already' in office.model.asked[-1]['messages'][-1]['content'] and len(office.rows('invoices')) == 4

def test_a_sum_is_told_with_what_it_is_of(office, page):
    page.goto(office.url)
    for said, line in (('how much does Acme owe?', 'Invoices (not paid, customer Acme Ltd): amount 420.50 in all, 2 rows'),
                       ('what is the total of the unpaid invoices', 'Invoices (not paid): amount 1,410.50 in all, 3 rows'),
                       ('sum of amounts for Stark', 'Invoices (customer Stark): amount 990 in all, 1 row')):
        page.fill('#msg', said)
        page.press('#msg', 'Enter')
        page.locator('.outcome', has_text=line).wait_for()
    assert not [e for e in office.get('/api/roll?limit=1000')[1] if e['by'] == 'model']

def test_which_of_two_columns_is_meant_is_asked_and_one_press_lists(office, page):
    page.goto(office.url)
    page.fill('#msg', 'invoices from October 2025')
    page.press('#msg', 'Enter')
    page.locator('.approve', has_text='Show Invoices (issued from 2025-10-01 and before 2025-11-01)').click()
    page.locator('.outcome', has_text='Invoices (issued from 2025-10-01 and before 2025-11-01): 1 row').wait_for()
    page.locator('.approve').first.wait_for(state='detached')

def test_a_list_compares_and_a_sum_adds_up_by_their_keys(office):
    rows = lambda **where: [r['ref'] for r in office.act('invoices.list', where=where)['result']]
    assert rows(amount={'>': 100}) == ['R-2', 'R-3'] and rows(amount={'>=': 100, '<': 500}) == ['R-2', 'R-4']
    assert rows(due=None) == ['R-4'] and rows(due={'!=': None}) == ['R-1', 'R-2', 'R-3'] and rows(customer={'!=': 'acme ltd'}) == ['R-3']
    assert [r['name'] for r in office.act('customers.list', where={'phone': None})['result']] == ['Stark']
    assert office.act('invoices.sum', column='amount', where={'paid': False})['result'] == {'sum': 1410.5, 'rows': 3}
    for args, said in (({'where': {'amount': {'~': 3}}}, '~ compares nothing'), ({'where': {'paid': {'<': True}}}, 'paid is not compared by <'),
                       ({'where': {'due': {'<': 'soon'}}}, 'due '), ({'where': {'amout': 3}}, 'invoices has no amout')):
        status, got = office.post('/api/actions/invoices.list', args)
        assert status >= 400 and said in got['error'], got
    status, got = office.post('/api/actions/invoices.sum', {'column': 'ref'})
    assert status >= 400 and 'no ref to add up' in got['error'] and 'amount' in got['hint']
