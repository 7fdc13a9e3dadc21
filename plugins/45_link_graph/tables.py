"pages, edges and findings as CSV."
import csv
sql = {'pages': 'select * from page where internal order by id', 'edges': 'select s.url as source, t.url as target, l.anchor, l.alt, l.rel, l.follow, l.position, l.kind, t.status as status_code_of_target from link l join page s on s.id=l.source join page t on t.id=l.target order by l.id', 'findings': 'select f.kind, f.severity, p.url, o.url as other, f.detail from finding f left join page p on p.id=f.page left join page o on o.id=f.other order by f.id'}
def write(db, name, path):
    with open(path, 'w', newline='', encoding='utf-8') as f:
        rows, w = db.execute(sql[name]), csv.writer(f)
        w.writerow([d[0] for d in rows.description])
        w.writerows(rows)
    return path
