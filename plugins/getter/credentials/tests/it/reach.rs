//! Where those who lend are asked, and where nobody is led to.

use k1s_getter_credentials::{Aws, Fault, Google, Variables};
use k1s_getter_net::{Client, Fault as NetFault, NoProxy, Proxies, Proxy, Request, Settings, Url};

use crate::fake::{Fake, said, settings};

fn told(fault: &Fault) -> String {
    assert!(matches!(fault, Fault::Net(_)), "{fault}");
    fault.to_string()
}

#[tokio::test]
async fn h02_what_lends_without_tls_is_this_machines_alone() -> anyhow::Result<()> {
    for place in [
        "http://192.0.2.1/",
        "http://10.0.0.1/",
        "http://93.184.216.34/",
        "http://[2606:2800:220:1::1]/",
    ] {
        let variables = Variables::given([("AWS_CONTAINER_CREDENTIALS_FULL_URI", place)]);
        let error = Aws::new(&settings(), variables, "x")?
            .key()
            .await
            .expect_err("it is beyond");
        assert!(told(&error.fault).contains("beyond this machine"), "{place}: {error}");
    }
    for place in [
        "https://169.254.169.254/",
        "https://169.254.170.23/",
        "https://[fd00:ec2::254]/",
    ] {
        let variables = Variables::given([("AWS_CONTAINER_CREDENTIALS_FULL_URI", place)]);
        let error = Aws::new(&settings(), variables, "x")?
            .key()
            .await
            .expect_err("it speaks no TLS");
        assert!(told(&error.fault).contains("metadata service"), "{place}: {error}");
    }
    Ok(())
}

#[tokio::test]
async fn h02_a_service_that_leads_elsewhere_is_not_followed() -> anyhow::Result<()> {
    let elsewhere = Fake::start(|_| said("canary")).await?;
    let leading = elsewhere.place();
    let service = Fake::start(move |_| (302, vec![("location", leading.clone())], String::new())).await?;
    let host = format!("127.0.0.1:{}", service.port);
    let variables = Variables::given([("GCE_METADATA_HOST", host.as_str())]);
    let error = Google::new(&settings(), variables)?
        .token()
        .await
        .expect_err("it leads elsewhere");
    assert!(
        matches!(&error.fault, Fault::Net(error) if matches!(error.fault, NetFault::Redirect(_))),
        "{error}"
    );
    assert_eq!((service.seen().len(), elsewhere.seen().len()), (1, 0));
    Ok(())
}

#[tokio::test]
async fn h02_no_proxy_hears_what_this_machine_is_asked() -> anyhow::Result<()> {
    let proxy = Fake::start(|_| said("canary")).await?;
    let service = Fake::start(|_| {
        (
            200,
            vec![("metadata-flavor", "Google".to_owned())],
            r#"{"access_token":"t","expires_in":9}"#.to_owned(),
        )
    });
    let service = service.await?;
    let settings = Settings {
        proxies: Proxies::all(Proxy::parse(&proxy.place())?, NoProxy::parse("")),
        ..settings()
    };
    let host = format!("127.0.0.1:{}", service.port);
    let variables = Variables::given([("GCE_METADATA_HOST", host.as_str())]);
    Google::new(&settings, variables)?.token().await?;
    assert_eq!(proxy.seen().len(), 0);
    Ok(())
}

#[tokio::test]
async fn h02_no_address_and_no_redirect_of_a_source_leads_to_a_metadata_service() -> anyhow::Result<()> {
    let leading = Fake::start(|_| {
        (
            302,
            vec![("location", "http://169.254.169.254/latest/".to_owned())],
            String::new(),
        )
    });
    let leading = leading.await?;
    let client = Client::new(Settings {
        reach: k1s_getter_net::Reach::trusted(),
        crossing: k1s_getter_net::Crossing::Bare,
        ..settings()
    })?;
    for url in [Url::parse("http://169.254.169.254/latest/")?, leading.url()] {
        let error = client.send(Request::get(url)).await.expect_err("it is not reached");
        assert!(
            error
                .to_string()
                .contains("asked for credentials only where the configuration says so"),
            "{error}"
        );
    }
    Ok(())
}
