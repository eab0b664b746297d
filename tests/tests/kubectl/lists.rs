//! What `kubectl get` lists: tables, selections and pages.

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};

use crate::shop::{OTHERS, SETTINGS, Shop, cells, lines, settings};

#[test]
fn tables_have_the_columns_and_rows_of_a_cluster() -> anyhow::Result<()> {
    let shop = Shop::open()?;
    let table = |arguments: &str| shop.client.answer(arguments.split(' '));

    let everywhere = table("get configmaps -A")?;
    let rows = cells(&everywhere);
    assert_eq!(rows[0], ["NAMESPACE", "NAME", "DATA", "AGE"]);
    assert_eq!(rows.len() - 1, SETTINGS + OTHERS, "{everywhere}");
    let cart = rows.iter().find(|row| row[..2] == ["shop", "cart-settings"]);
    assert_eq!(cart.context("a row")?[2], "3", "values of data");

    let many = table("get cm -n many")?;
    assert_eq!(cells(&many)[0], ["NAME", "DATA", "AGE"]);
    assert_eq!(cells(&many)[1][..2], ["s-00", "2"]);
    assert_eq!(
        cells(&table("get cm s-03 -n many --no-headers")?)[0][..2],
        ["s-03", "2"]
    );
    assert_eq!(table("get cm -n many --no-headers")?.lines().count(), SETTINGS);
    let labelled = table("get cm -n many --show-labels -L tier")?;
    let row = cells(&labelled)[1].clone();
    assert_eq!((row[3], row[4]), ("front", "app=red,tier=front"), "{labelled}");

    for words in ["products", "prod", "product", "products.shop.example.com"] {
        let products = table(&format!("get {words} -n shop"))?;
        assert_eq!(cells(&products)[0][..1], ["NAME"], "{products}");
        let names: BTreeSet<&str> = cells(&products)[1..].iter().map(|row| row[0]).collect();
        assert_eq!(names, BTreeSet::from(["espresso-cup", "gift-card", "tea-pot"]));
    }
    let columns = table("get prod tea-pot -n shop")?;
    assert_eq!(
        cells(&columns),
        [["NAME", "TITLE", "STOCK"], ["tea-pot", "Tea pot, 1.2 l", "12"]]
    );
    Ok(())
}

#[test]
fn several_kinds_and_categories_are_listed_together() -> anyhow::Result<()> {
    let shop = Shop::open()?;
    let names = |arguments: &str| lines(&shop.client.answer(arguments.split(' '))?);

    let all = names("get all -A -o name")?;
    for name in [
        "deployment.apps/web",
        "service/web",
        "statefulset.apps/carts",
        "cronjob.batch/daily-sales",
        "horizontalpodautoscaler.autoscaling/cart",
    ] {
        ensure!(all.contains(name), "{name} is missing in {all:?}");
    }
    ensure!(!all.iter().any(|name| name.starts_with("configmap/")), "{all:?}");

    let two = names("get deploy,svc -A -o name")?;
    let expected = all
        .iter()
        .filter(|name| name.starts_with("deployment.apps/") || name.starts_with("service/"));
    assert_eq!(two, expected.cloned().collect::<BTreeSet<_>>());
    let table = shop.client.answer(["get", "deploy,svc", "-n", "shop"])?;
    ensure!(
        table.contains("deployment.apps/web") && table.contains("service/web"),
        "{table}"
    );
    assert_eq!(
        names("get cm/cart-settings deploy/web -n shop -o name")?,
        BTreeSet::from(["configmap/cart-settings".to_owned(), "deployment.apps/web".to_owned()])
    );
    assert_eq!(
        names("get shop -A -o name")?,
        names("get products -A -o name")?,
        "a category of their definition"
    );
    let manifests = shop.daemon.scene.manifests().join("checkout");
    let declared = shop.client.answer([
        "get".as_ref(),
        "-o".as_ref(),
        "name".as_ref(),
        "-f".as_ref(),
        manifests.as_os_str(),
    ])?;
    let expected = [
        "configmap/checkout-settings",
        "deployment.apps/checkout",
        "secret/checkout-payment",
        "service/checkout",
    ];
    assert_eq!(lines(&declared)?, expected.map(str::to_owned).into());
    Ok(())
}

#[test]
fn selectors_choose() -> anyhow::Result<()> {
    let shop = Shop::open()?;
    let (x, front) = (
        |number: usize| number.is_multiple_of(2),
        |number: usize| number.is_multiple_of(3),
    );
    let (back, without) = (|number: usize| number % 3 == 1, |number: usize| number % 3 == 2);
    type Wanted<'w> = &'w dyn Fn(usize) -> bool;
    let cases: [(&[&str], Wanted<'_>); 14] = [
        (&["-l", "app=red"], &x),
        (&["-l", "app==red,tier=front"], &|n| x(n) && front(n)),
        (&["-l", "app=red,tier!=front"], &|n| x(n) && !front(n)),
        (&["-l", "tier in (front,back)"], &|n| !without(n)),
        (&["-l", "tier notin (front)"], &|n| !front(n)),
        (&["-l", "tier"], &|n| !without(n)),
        (&["-l", "!tier"], &without),
        (&["-l", "!tier,app=blue"], &|n| without(n) && !x(n)),
        (&["-l", "tier in (back),app in (red,blue)"], &back),
        (&["-l", "app=green"], &|_| false),
        (&["--field-selector", "metadata.name=s-07"], &|n| n == 7),
        (&["--field-selector", "metadata.name!=s-07"], &|n| n != 7),
        (&["--field-selector", "metadata.namespace=many", "-l", "app=red"], &x),
        (&["--field-selector", "metadata.name=s-07", "-l", "app=red"], &|_| false),
    ];
    for (arguments, wanted) in cases {
        let get = ["get", "cm", "-n", "many", "-o", "name"];
        let answer = shop.client.answer([&get, arguments].concat())?;
        assert_eq!(lines(&answer)?, settings(wanted), "{arguments:?}");
    }
    let everywhere = [
        "get",
        "cm",
        "-A",
        "--field-selector",
        "metadata.namespace!=many",
        "-o",
        "name",
    ];
    assert_eq!(lines(&shop.client.answer(everywhere)?)?.len(), OTHERS);

    for arguments in [["-l", "app in (red"], ["--field-selector", "data.value=1"]] {
        let refused = shop
            .client
            .run([&["get", "cm", "-n", "many"], &arguments[..]].concat())?;
        let refused = refused.expect_code(1)?;
        assert_eq!(refused.stdout, "", "{arguments:?}");
    }
    Ok(())
}

#[test]
fn pages_make_up_the_whole() -> anyhow::Result<()> {
    let shop = Shop::open()?;
    for size in ["1", "7", "25", "26"] {
        let chunk = format!("--chunk-size={size}");
        let paged = shop
            .client
            .run(["get", "cm", "-n", "many", "-o", "name", "-v=8", &chunk])?;
        let paged = paged.expect_code(0)?;
        assert_eq!(lines(&paged.stdout)?, settings(|_| true), "{size}");
        // Ignoring the limit would be allowed, and would not be what is tested here.
        let is_paged = paged.stderr.contains("continue=");
        assert_eq!(is_paged, size.parse::<usize>()? < SETTINGS, "{}", paged.stderr);
    }
    let selected = [
        "get",
        "cm",
        "-n",
        "many",
        "-o",
        "name",
        "--chunk-size=3",
        "-l",
        "app=blue",
    ];
    assert_eq!(lines(&shop.client.answer(selected)?)?, settings(|n| n % 2 == 1));

    let page = shop
        .client
        .json(["get", "--raw", "/api/v1/namespaces/many/configmaps?limit=10"])?;
    let remaining = page.pointer("/metadata/remainingItemCount");
    assert_eq!(page["items"].as_array().context("items")?.len(), 10);
    ensure!(remaining.is_none_or(|count| count == 15), "{remaining:?}");
    Ok(())
}
