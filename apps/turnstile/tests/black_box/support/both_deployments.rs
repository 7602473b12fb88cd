//! The same rows of the contract against both ways to run the services.

/// Makes tests of functions that take a `&Site`: each on its own deployment with everything in one
/// process, and all of them one after the other with the services as separate processes.
///
/// A function must therefore tolerate the data of others.
macro_rules! on_both_deployments {
    ($($row:ident),* $(,)?) => {
        mod in_one_process {
            $(
                #[tokio::test]
                async fn $row() {
                    super::$row(&$crate::support::Site::start().await).await;
                }
            )*
        }

        mod as_separate_services {
            #[tokio::test]
            async fn every_row_passes() {
                let site = $crate::support::Site::builder().separate().start().await;
                $(
                    eprintln!("{}", stringify!($row));
                    super::$row(&site).await;
                )*
            }
        }
    };
}
pub(crate) use on_both_deployments;
